"""The adapters to Azure Storage: tables, queues, blobs."""
