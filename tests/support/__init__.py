"""What several packages of tests need: real brokers and API servers, stand-ins, waiting, samples."""
