"""What an image is: the vocabulary of the OCI image spec, metadata only, no scanning."""
