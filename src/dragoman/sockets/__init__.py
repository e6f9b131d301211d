"""What both sides of the gateway share about sockets."""
