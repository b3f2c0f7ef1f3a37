"""Where a sweep lies: a folder, or a bucket that is named by a URI (`s3://…`, `gs://…`).

A log has one owner and is durable before it is acknowledged in both. In a folder (`log_file`) the
operating system's lock says who that is. In a bucket (`segments`) every write is a new object with
the next number, made only where none has it: of two owners at most one goes on, whatever their
clocks say. Files of a sweep in a bucket are read from a copy on this machine (`mirror`), and trials
write on their own machine and send what they leave (`trial_files`).
"""
