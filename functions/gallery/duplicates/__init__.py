"""What a duplicate is, and the groups of duplicates. Depends on the ports; changes nothing."""
