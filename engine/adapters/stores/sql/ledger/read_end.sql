SELECT batches, checksum FROM lease;
