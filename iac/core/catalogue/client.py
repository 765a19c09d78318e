"""Ids about definitions: mistakes, what only a plan finds, and warnings. Pure."""

from iac.core.explanation import error, finding, warning

DEFINITIONS = (
    error(
        "no-client-id",
        what="`client_id` is missing, and the provider is `iam-admin`.",
        why="With the client_id in git, a second run finds the client that the first one made.",
        fix="Choose one.",
    ),
    error(
        "client-id-twice",
        what="Two definitions of one environment have the same `client_id`.",
        why="Each would overwrite the other.",
        fix="Change one.",
    ),
    error(
        "client-id-of-successor",
        what="A definition has a `client_id` such as `app.r2`, and another one with `lifecycle: {rotation: replace}` "
        "has `app`.",
        why="Rotations of `app` give its successors these ids: `app.r2`, `app.r3` and so on.",
        fix="Give it another client_id.",
    ),
    error(
        "login-client",
        what="A definition is about the client by which `iac` logs in.",
        why="A mistake in it would lock `iac` out.",
        fix="Remove the definition.",
    ),
    error(
        "protected-client",
        what="A definition is about a client that iac does not manage: IAM's dashboard, or a person's oidc-agent.",
        why="IAM, or its owner, changes it.",
        fix="Remove the definition.",
        bad="# clients.d/portal.yaml\nclient_id: dashboard",
    ),
    error(
        "no-redirect-uris",
        what="A definition has the grant `authorization_code` or `implicit` and no `redirect_uris`. Default of "
        "`grant_types`: authorization_code.",
        why="No user could log in.",
        fix="Add `redirect_uris`, or declare other grants.",
        bad="# clients.d/portal.yaml\nredirect_uris: []",
    ),
    error(
        "metadata-is-dropped",
        what="A definition has metadata that an IAM does not have: of OpenID Connect, of the logout specifications, or "
        "under `extra`.",
        why="Every version of IAM drops them silently. Servers of `provider: rfc7591` may keep them.",
        fix="Remove them.",
        bad="# clients.d/portal.yaml\nlogo_uri: https://portal.example.org/logo.png",
    ),
    error(
        "value-is-unknown",
        what="A definition has a grant type, a response type or a `token_endpoint_auth_method` that an IAM does not "
        "have.",
        why="Servers of `provider: rfc7591` may have it.",
        fix="Remove it.",
        bad="# clients.d/portal.yaml\nresponse_types: [id_token]",
    ),
    error(
        "client-name-too-short",
        what="A `client_name` has fewer than 4 characters, and the server is an IAM.",
        why="IAM refuses it.",
        fix="Write a longer name.",
    ),
    error(
        "extra-has-a-key",
        what="A definition has under `extra` what has a key of its own, such as `client_name`.",
        why="The field would be declared twice.",
        fix="Use the key.",
    ),
    error(
        "extra-of-the-server",
        what="A definition has under `extra` what only the server sets, such as `client_secret`.",
        why="A definition contains no secrets, and a server refuses values that only it may choose.",
        fix="Remove it.",
    ),
    error(
        "bad-redirect-uri",
        what="A redirect URI has no scheme, has a fragment, or has a character that a URI cannot have, such as a "
        "blank, `{` or `|`.",
        why="Every version of IAM refuses it, and other servers must (RFC 6749 section 3.1.2).",
        fix="Write the whole address, without `#`, and percent-encode such characters.",
        bad="# clients.d/portal.yaml\nredirect_uris: [portal.example.org/cb]",
    ),
    error(
        "client-id-unreachable",
        what="A `client_id` has `/`, `;`, `%` or `\\`, or is `.` or `..`, and the server is an IAM.",
        why="IAM registers such a client, and nobody can read, change or delete it afterwards.",
        fix="Use another `client_id`.",
        bad="# clients.d/portal.yaml\nclient_id: portal%20test",
    ),
    error(
        "two-key-sources",
        what="A definition has both `jwk` and `jwks_uri`.",
        why="IAM takes jwks_uri and drops jwk (rec: admin-jwk-and-jwks-uri).",
        fix="Keep `jwks_uri`.",
        bad="# clients.d/portal.yaml\njwks_uri: https://portal.example.org/jwks\njwk: {keys: []}",
    ),
    error(
        "no-key",
        what="A definition has `private_key_jwt` and no key.",
        why="IAM refuses it (rec: admin-auth-method-matrix).",
        fix="Add `jwks_uri` (better) or `jwk`.",
        bad="# clients.d/portal.yaml\ntoken_endpoint_auth_method: private_key_jwt",
    ),
    error(
        "bad-jwk",
        what="`jwk` is not a JWK set.",
        why="RFC 7517 section 5: an object with a list `keys`, each with its `kty`.",
        fix="Correct it.",
        bad="# clients.d/portal.yaml\njwk: hello",
    ),
    error(
        "private-key-members-are-dropped",
        what="A `jwk` contains private or symmetric key material.",
        why="A private key must not lie in a repository, and IAM drops it (rec: admin-jwk).",
        fix="Keep the public members; treat the key as stolen.",
        bad='# clients.d/portal.yaml\njwk: {keys: [{kty: EC, crv: P-256, x: "1", y: "2", d: "3"}]}',
    ),
    error(
        "tos-uri-is-dropped",
        what="A definition has `tos_uri`.",
        why="Every version of IAM drops it silently (rec: admin-create-full).",
        fix="Remove it. IAM keeps `policy_uri`.",
        bad="# clients.d/portal.yaml\ntos_uri: https://portal.example.org/terms",
    ),
    error(
        "default-max-age-is-dropped",
        what="A definition has `default_max_age`.",
        why="Every version of IAM drops it silently (rec: admin-create-full).",
        fix="Remove it.",
        bad="# clients.d/portal.yaml\ndefault_max_age: 3600",
    ),
    error(
        "zero-lifetime-is-the-default",
        what="A lifetime is 0.",
        why="IAM takes 0 for its default. For refresh tokens alone, 0 means without end (rec: admin-lifetimes).",
        fix="Remove it, or write the number of seconds.",
        bad="# clients.d/portal.yaml\nid_token_validity_seconds: 0",
    ),
    error(
        "too-many-scopes",
        what="A definition has more than 512 scopes, or one of more than 2048 characters.",
        why="IAM refuses it.",
        fix="Remove some.",
    ),
    error(
        "needs-management-api",
        what="A definition has a field that only the management API sets, and another provider; or "
        "`lifecycle.rotation: replace`, and the provider `iam-self-service`.",
        why="The server would drop the field; in self service it chooses the ids that successors need.",
        fix="Remove it, or use `provider: iam-admin`.",
    ),
    error(
        "scope-not-granted",
        what="A definition has a scope that only administrators give, and the provider is `iam-self-service`.",
        why="Self service drops it silently (rec: self-service-restricted-scopes).",
        fix="Use `provider: iam-admin`; or name it under `grantable_scopes` in iac.yaml, if this login may grant it.",
    ),
    error(
        "auth-time-is-dropped",
        what="A definition has `require_auth_time`, and the provider is `iam-self-service`.",
        why="Self service drops it silently (rec: self-service-user).",
        fix="Remove it, or use `provider: iam-admin`.",
    ),
    error(
        "placeholder",
        what="A value contains `${NAME}`, `{{ NAME }}`, `##NAME##` or `@@NAME@@`. Or the value, or the host in "
        "it, is `$(NAME)`, `#{NAME}#`, `__NAME__`, `<name>`, `((name))` or `CHANGEME`.",
        why="`iac` replaces no placeholders in definitions, so the server would get it unchanged.",
        fix="Write the value. Write values that differ between environments under `environments`.",
        bad="# clients.d/portal.yaml\nclient_description: Portal of @@SITE@@",
    ),
    error(
        "waiver-expired",
        what="The last day of a waiver is over. `iac validate` stops (exit 1), and iac refuses a plan (exit 3).",
        why="The waiver promised a fix by that day.",
        fix="Fix it and remove the waiver, or give a reason for a later day; see docs/reference/policy.md#waivers.",
        bad='# clients.d/portal.yaml\nwaive: [{id: password-grant, reason: an old application, until: "2020-01-31"}]',
    ),
    error(
        "recipients-without-encryption",
        what="A definition names `recipients`, and the state's encryption is `none`.",
        why="iac encrypts nothing to them: a reader of the state can read every secret.",
        fix="Set `state.encryption.recipients` in iac.yaml and run `iac state rekey`, or remove `recipients`.",
    ),
)

FINDINGS = (
    finding(
        "not-read",
        what="iac reads this client only by its registration access token. This run has no age identity to "
        "decrypt it; or the read may replace the token, and this run cannot lock the state to store the "
        "new one. iac compares the client with what it last applied, and the plan says `complete: false`.",
        why="Changes on the server are missing in the plan.",
        fix="Give the plan job an identity of the state, and write access where the server replaces tokens; "
        "or use the plan as it is. Apply needs both.",
    ),
    finding(
        "create-only",
        what="The server has no RFC 7592: it gave no `registration_client_uri` and no token. iac cannot read, "
        "change or delete the client, and compares it with what it last applied.",
        fix="Change it at the server, or write `removed:` with `then: forget`.",
    ),
    finding(
        "not-understood",
        what="A value in the server's answer about a client has the wrong type. iac compares the client with "
        "what it last applied, and the plan says `complete: false`. Other clients are planned and applied "
        "as usual.",
        why="A change keeps the client's other values, so iac must understand them.",
        fix="Have an administrator correct the client at the server. `iac show CLIENT_ID` names the members.",
    ),
    finding(
        "secret-not-made",
        what="A change gives a client an auth method with a secret, and the server is not an IAM. Some servers make no "
        "secret then: apply fails and says so, and the client cannot be used.",
        fix="Register another client, under another address. Or go on, if the server is known to make one.",
    ),
    finding(
        "secret-unknown",
        what="A client logs in with a secret, and iac knows none: the server made none, or shows none that works.",
        why="No output with its secret can be written.",
        fix="Give the secret to iac: `iac secret set ADDR`. If there is none, register another client.",
    ),
    finding(
        "server-added",
        what="The server of `provider: rfc7591` has added an item to a list of the definition, such as a grant. Apply "
        "says so once; state remembers the item as the server's, and plans show no difference.",
        fix="Declare the item if the client needs it. Do nothing if it does not.",
    ),
    finding(
        "nothing-to-adopt",
        what="A definition has `adopt: true`, and the server has no client with its client_id. iac will create it.",
        fix="Correct `client_id`, or remove `adopt` if you want a new client.",
    ),
    finding(
        "grants-refused-to-users",
        what="A definition has the grant `password` or `token-exchange`, and a user logs in at self service, which "
        "refuses these grants to users who are not administrators (rec: self-service-grant-types).",
        fix="Remove it, or use `provider: iam-admin`. If the user is an administrator, do nothing.",
    ),
    finding(
        "scopes-dropped-for-users",
        what="A definition has a scope that self service drops silently for users who are not administrators "
        "(rec: self-service-restricted-scopes). If it does, apply ends with an error that names the "
        "field.",
        fix="Remove it, use `provider: iam-admin`, or name it under `grantable_scopes` in iac.yaml.",
    ),
    finding(
        "sealed-to-others",
        what="The secret in state is encrypted to other recipients than the definition names. This is not a change.",
        why="A host that you added cannot render yet, and one that you removed still can.",
        fix="Run `iac state rekey`. If a removed host may have a copy, also run `iac rotate`.",
    ),
    finding(
        "older-state",
        what="The state is older than an output, a journal or an emergency copy of this machine; the message "
        "has both serials. `iac apply` and `iac render` write nothing from it.",
        why="Its secrets may have been replaced since, and IAM 1.14 and newer do not show them.",
        fix="Run `iac state push` with the newest copy, or continue with `--accept-older-state`.",
    ),
    finding(
        "output-blocked",
        what="An output cannot be rendered: its client is not applied yet, or iac does not know the secret, as "
        "after the adoption of a client whose server does not show it.",
        why="The file is not written, and its service gets nothing.",
        fix="Run `iac secret set ADDR` with the secret that the service has, or `iac rotate ADDR` for a new one.",
    ),
    finding(
        "output-missing",
        what="An output that was written on this machine is gone. A fresh checkout does not report this.",
        why="`iac apply` writes only outputs that change.",
        fix="Run `iac render`.",
    ),
    finding(
        "output-differs",
        what="An output that was written on this machine was altered since, does not have its mode, or another machine "
        "has written a newer one.",
        why="It may hold a secret that no longer works or that others can read, or lines that the next change "
        "overwrites.",
        fix="Run `iac render`.",
    ),
    finding(
        "output-obstructed",
        what="A folder, or another thing that is not a file, has the place of an output. `iac validate` does not look.",
        why="`iac apply` sends nothing if an output of its changes cannot be written.",
        fix="Remove what is there, or change the output's path.",
    ),
    finding(
        "output-unfit",
        what="A client keeps a secret that one of its outputs cannot hold, such as a `$` in dotenv. `iac plan` knows "
        "the secret if the server shows it (IAM up to 1.13) or the age identity opens it, `iac doctor` and "
        "`iac verify` if the identity opens it, `iac secret set` if you provide it. Otherwise `iac apply` finds it "
        "after it has changed the client.",
        why="The output is not written, and each `iac apply` ends with 5.",
        fix="Choose a template of another format, such as `json`, or run `iac rotate`, which makes a secret without "
        "such characters.",
    ),
    finding(
        "secret-in-doubt",
        what="`iac render` used a secret that the server may have replaced: the outcome of a rotation is unknown.",
        why="The old secret may no longer work.",
        fix="Run `iac apply`. It takes the new secret if the server shows it, and otherwise makes another.",
    ),
    finding(
        "rotation-due",
        what="A secret has reached the age of `lifecycle.rotate_after`. For an adopted client the age counts "
        "from the adoption. With `lifecycle.rotation: replace`, a secret that the server ends is due 30 days before "
        "its end, or in the last third of its life. This is not a change.",
        why="The longer a secret is used, the more copies of it exist.",
        fix="Run `iac apply --rotate-due`, and before it `iac plan --rotate-due` for review; or raise `secret.serial`.",
    ),
    finding(
        "output-not-ignored",
        what="An output with a secret is in a git work tree, and git neither tracks nor ignores it.",
        why="`git add .` would put the secret into the next commit.",
        fix="Add to `.gitignore` the line that the message shows.",
    ),
    finding(
        "output-not-checked",
        what="Git does not say whether it ignores an output with a secret. The message has git's words.",
        fix="Do what the message says, then plan again.",
    ),
)

WARNINGS = (
    warning(
        "login-is-nobody",
        what="With `provider: iam-self-service` the login is a client of its own. IAM treats its token as anonymous: "
        "clients get registration access tokens, no owner, and fewer grants (rec: self-service-user, last "
        "exchange).",
        fix="Write `auth: {method: none}` to say so, or log in as a user (`method: token` or `wlcg`): the user then "
        "owns the clients.",
        bad="# iac.yaml\nprovider: iam-self-service",
    ),
    warning(
        "waiver-unused",
        what="A waiver waives nothing: its rule finds nothing in the definition in any environment, or is off. For a "
        "rule on changes, a plan without such a change says so.",
        why="It could hide later findings.",
        fix="Remove it.",
        bad='# clients.d/portal.yaml\nwaive: [{id: password-grant, reason: an old application, until: "2999-12-31"}]',
    ),
    warning(
        "output-open-to-others",
        what="The mode of an output lets everybody on the machine read or write it.",
        why="It holds a secret.",
        fix='Set `mode: "0640"` and a group, or remove it. Default: "0600".',
        bad='# clients.d/portal.yaml\noutputs: [{template: dotenv, path: out/a.env, mode: "0644"}]',
    ),
    warning(
        "secret-open-to-others",
        what="Others on this machine can read or write a file that `auth` or `state.encryption.identity` names. "
        "Commands that use the file say so, `iac validate` does not.",
        why="They could log in as you, or open the state.",
        fix="Run `chmod 600 FILE`.",
    ),
    warning(
        "secrets-in-clear",
        what="The state has `encryption: none`, and its backend is http or s3.",
        why="Whoever reads the state on that server, or a backup of it, can log in as every client.",
        fix="Name `recipients`, or remove `encryption`. Then rotate: somebody may have read the clear secrets.",
        bad="# iac.yaml\nstate: {backend: s3, bucket: iac, encryption: none}",
    ),
    warning(
        "adopted-without-key",
        what="A definition with `adopt: true` has `private_key_jwt` and no key. Without `adopt` this is the "
        "error `no-key`.",
        why="IAM 1.14 and newer do not show a `jwk` (rec: admin-jwk). The client keeps it, and iac refuses an "
        "update that would erase it (guard `hidden-field`).",
        fix="Declare `jwks_uri` (better) or `jwk` before you change the client.",
        bad="# clients.d/portal.yaml\nadopt: true\ntoken_endpoint_auth_method: private_key_jwt",
    ),
    warning(
        "definition-not-read",
        what="A file looks like a definition and is not read: it ends in `.YAML` or `.json` below `clients.d`, "
        "or lies beside iac.yaml.",
        why="iac would not register its client.",
        fix="Move or rename it to `clients.d/NAME.yaml`, or give it another ending.",
        bad="# other.yaml\nclient_id: other",
    ),
    warning(
        "possible-placeholder",
        what="A text contains a placeholder of other tools: `$(NAME)`, `#{NAME}#`, `__NAME__`, `<name>`, `((name))` or "
        "`CHANGEME`. As a whole value, or in the host of an address, this is the error `placeholder`.",
        why="`iac` replaces no placeholders in definitions, so the server would get it unchanged.",
        fix="Write the value.",
        bad="# clients.d/portal.yaml\nclient_description: The portal of __SITE__",
    ),
    warning(
        "jwk-perhaps-too-long",
        what="A `jwk` has more than 65,535 characters. Where the server is IAM 1.12 or 1.13, a plan refuses more than "
        "2,048 (`jwk-too-long`).",
        why="IAM 1.14 probably refuses it: this is not recorded.",
        fix="Remove old keys, use ES256 keys, which are shorter, or publish the keys at `jwks_uri`.",
    ),
    warning(
        "adopted-without-redirect-uris",
        what="A definition with `adopt: true` has `authorization_code` or `implicit` and no `redirect_uris`. Without "
        "`adopt` this is the error `no-redirect-uris`.",
        why="The client is registered like this, but no user can log in.",
        fix="Add `redirect_uris`, or declare other grants.",
        bad="# clients.d/portal.yaml\nadopt: true\nredirect_uris: []",
    ),
    warning(
        "settings-changed",
        what="With `--settings-from`: a setting of iac.yaml differs from the base, which iac used.",
        why="After the merge the new setting decides where credentials go, who can open secrets, or what iac refuses.",
        fix="Review it like credentials. To refuse such a plan, write `policy: {settings-changed: error}` in the base.",
    ),
)
