"""A Qdrant server or Qdrant Cloud, over REST. The only room that uses qdrant-client."""
