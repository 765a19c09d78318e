"""A local INDIGO IAM with real behaviour, for demos, tests and reviews. Not for production.

An application of its own: the standard library only, nothing of the rest of `iac`. The heart,
`iac.sandbox.iam.Iam.handle`, is a function from request to response over a store in memory; the HTTP
server around it is in `iac.sandbox.server`. What each version of IAM does differently stands in one
table, `iac.sandbox.flavour`; the fields of a client in another, `iac.sandbox.model.Client`; what is not there is a 501,
`iac.sandbox.gaps`. tests/sandbox holds it to recordings of running servers.
"""
