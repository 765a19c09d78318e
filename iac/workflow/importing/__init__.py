"""What people have becomes definitions: registrations of a server, exports of it, requests of RFC 7591.

`reading` gives registrations from files, `choosing` picks some, `minimal` says what has to be written of each, `text`
writes it as `iac fmt` would, `drafting` holds it against the project, `storing` puts the files there.
"""
