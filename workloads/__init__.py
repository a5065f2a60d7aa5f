"""What runs in pods: producer, consumer, sidecar, controller and the topic job. One image, one package each."""
