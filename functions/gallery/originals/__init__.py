"""Where pictures are kept: a folder or an S3 bucket. The only room that uses botocore."""
