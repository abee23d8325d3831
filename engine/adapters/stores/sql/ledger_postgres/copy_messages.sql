COPY mailray.message (run, partition, outbox_row, key) FROM STDIN WITH (FORMAT binary)
