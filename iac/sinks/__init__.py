"""Where rendered files go: adapters of `iac.ports.Sink`."""
