"""What stands behind the ports: readers, trainers, generators, checkers, detectors and registries, each asked for by name."""
