"""From the files of a project to `iac.core.desired.Desired`: reading, schemas, merging, rules. Always offline."""
