"""What people have becomes definitions: registrations of a server, exports of it, requests of RFC 7591.

`source` reads registrations from files, `selection` picks some, `text` says what a definition needs and writes it as
`iac fmt` would, `draft` holds it against the project, `run` does all of it and puts the files in place.
"""
