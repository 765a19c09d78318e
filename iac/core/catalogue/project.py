"""Ids about files, YAML, schemas and iac.yaml: mistakes that stop. Pure."""

from iac.core.explanation import error

FILES = (
    error(
        "file-unreadable",
        what="A file or folder of the project cannot be read, is not a regular file, or is a link that leads nowhere.",
        why="iac does not treat an unreadable definition as removed.",
        fix="Correct its permissions, or delete it.",
    ),
    error(
        "file-too-large",
        what="A file is larger than 256 KiB.",
        why="Nobody writes such a definition by hand, and parsing it would take long.",
        fix="Split it: one client per file.",
    ),
    error(
        "file-empty",
        what="A file is empty, or has only comments.",
        why="It would be a client without any field.",
        fix="Write a definition into it, or delete it.",
    ),
    error(
        "not-utf8",
        what="A file has bytes that are not UTF-8.",
        why="Its meaning would depend on the reader.",
        fix="Save it as UTF-8.",
    ),
    error(
        "hidden-character",
        what="A file has an invisible character, or one that reorders the text: control characters, characters without "
        "width, marks of writing direction.",
        why="A reviewer would not see what iac applies.",
        fix="Delete it.",
        bad='# clients.d/portal.yaml\nclient_description: "a\\u200bb"',
    ),
)

YAML = (
    error(
        "yaml-syntax",
        what="A file is not valid YAML.",
        why="iac cannot read it.",
        fix="Check indentation, colons and quotes at the place that the message names.",
        bad="# clients.d/portal.yaml\ncontacts: [",
    ),
    error(
        "yaml-alias",
        what="`*name` refers to another place of the file.",
        why="Aliases hide what is applied, and a few of them can grow to any size.",
        fix="Write the value out.",
        bad="# clients.d/portal.yaml\ncontacts: *ops",
    ),
    error(
        "yaml-anchor",
        what="`&name` names a value.",
        why="Only aliases need anchors, and iac refuses aliases.",
        fix="Delete it.",
        bad="# clients.d/portal.yaml\ncontacts: &ops [ops@example.org]",
    ),
    error(
        "yaml-tag",
        what="A value has a tag: `!tag` or `!!type`.",
        why="Tags change the type of a value.",
        fix="Delete the tag. Put quotes around text.",
        bad="# clients.d/portal.yaml\ncontacts: !!seq [ops@example.org]",
    ),
    error(
        "yaml-directive",
        what="A file begins with a line with `%`.",
        why="`iac` always reads YAML 1.2.",
        fix="Delete the line.",
    ),
    error(
        "yaml-documents",
        what="A file has a second document, after `---`.",
        why="A file has one definition.",
        fix="Move it to a file of its own.",
    ),
    error(
        "yaml-key",
        what="A key is a number, true, false, null, a list or a mapping.",
        why="Programs read such keys differently.",
        fix="Quote it.",
        bad="# clients.d/portal.yaml\n1: one",
    ),
    error(
        "yaml-duplicate-key",
        what="A mapping has the same key twice.",
        why="Other readers take the last one without a warning.",
        fix="Delete one of them.",
        bad="# clients.d/portal.yaml\nclient_name: Twice",
    ),
    error(
        "yaml-too-deep",
        what="A file is nested deeper than 32 levels.",
        why="No definition needs that, and deep nesting crashes parsers.",
        fix="Reduce the nesting.",
    ),
    error(
        "yaml-too-large",
        what="A file has more than 20,000 values.",
        why="No definition needs that many.",
        fix="Write one client per file.",
    ),
    error(
        "yaml-number",
        what="A number has more than 18 digits, or is infinite or not a number.",
        why="JSON cannot carry it unchanged.",
        fix="Quote it if it is text.",
        bad="# clients.d/portal.yaml\naccess_token_validity_seconds: .inf",
    ),
)

KEYS = (
    error(
        "unknown-key",
        what="A key is not known at this place.",
        why="Servers ignore unknown fields, so nobody would notice a typing error (rec: admin-create-rejected).",
        fix="Correct it as the message suggests, or remove it.",
        bad="# clients.d/portal.yaml\ncontact: [ops@example.org]",
    ),
    error(
        "missing-key",
        what="A required key is missing.",
        fix="Add it.",
        bad="# iac.yaml\noutputs: [{template: dotenv, path: out/a.env}]",
    ),
    error(
        "wrong-type",
        what="A value has the wrong type: text instead of a list, a number instead of text, and so on.",
        fix="Write what the message asks for. In YAML 1.2 `NO`, `on` and dates are text; true and false are booleans.",
        bad="# clients.d/portal.yaml\ncontacts: ops@example.org",
    ),
    error(
        "not-one-of",
        what="A value is not one of the allowed values.",
        fix="Choose one of the list; the message suggests the closest.",
        bad="# clients.d/portal.yaml\nresponse_types: [cod]",
    ),
    error(
        "bad-format",
        what="A value has the wrong format: an address, a duration, a URL, a UUID.",
        fix="Correct it.",
        bad="# clients.d/portal.yaml\ncontacts: [ops]",
    ),
    error(
        "bad-length",
        what="A text or a list is too short or too long.",
        why="The server would refuse it.",
        fix="Change it.",
        bad='# clients.d/portal.yaml\noutputs: [{template: "", path: out/a}]',
    ),
    error(
        "bad-number",
        what="A number is too small or too large.",
        why="The server would refuse it.",
        fix="Change it.",
        bad="# clients.d/portal.yaml\naccess_token_validity_seconds: -1",
    ),
    error(
        "schema",
        what="A value breaks its schema in a way that has no id of its own.",
        fix="See the description of the key in docs/reference/definition.md or docs/reference/project.md.",
    ),
)

PROJECT = (
    error(
        "no-project",
        what="iac finds no `iac.yaml` in this folder, or above it up to the top of the repository. It ignores a "
        "file of another user above this folder.",
        why="Every project has one: it names the server.",
        fix="Run `iac init`, or name another folder with `-C DIR`.",
    ),
    error(
        "no-definitions",
        what="`clients.d` is missing or has no definition.",
        why="A failed checkout looks the same, and would delete every client.",
        fix="Create `clients.d/NAME.yaml`. To delete every client, list them under `removed:` and keep one definition "
        "until that is applied.",
    ),
    error(
        "no-issuer",
        what="An environment has no `issuer`.",
        why="It names the server.",
        fix="`issuer: https://iam.example.org/`",
    ),
    error(
        "bad-issuer",
        what="`issuer` has the scheme http and does not name this machine.",
        why="Secrets and tokens would cross the network unencrypted.",
        fix="Use https.",
    ),
    error(
        "no-auth",
        what="An environment has no `auth`.",
        why="`iac` needs a login.",
        fix="See docs/reference/login.md.",
    ),
    error(
        "key-without-certificate",
        what="iac.yaml has `tls.key` and no `tls.certificate`.",
        why="The server asks for the certificate; a key alone proves nothing.",
        fix="`tls: {certificate: FILE, key: FILE}`",
    ),
    error(
        "bad-registration-endpoint",
        what="`registration_endpoint` is on another server than `issuer`, or the provider is one of an IAM.",
        why="Tokens go to the server of `issuer` alone, and an IAM has its own addresses.",
        fix="Use a URL on the host of `issuer`; remove the key at an IAM.",
        bad="# iac.yaml\nregistration_endpoint: https://other.example.org/register",
    ),
    error(
        "auth-does-not-fit",
        what="`auth` is `none` or `initial_access_token`, and the provider needs a login.",
        fix="`none` is for `iam-self-service` and `rfc7591`, `initial_access_token` is for `rfc7591`; see "
        "docs/reference/login.md.",
        bad="# iac.yaml\nauth: {method: none}",
    ),
    error(
        "state-shared",
        what="Two environments have the same state: one file, URL or object. Some disks ignore upper and lower "
        "case in paths.",
        why="A state belongs to one environment and one issuer.",
        fix="Give each environment its own `state.path`, `address` or `key`; with file, git and s3 the "
        "default is one each.",
        bad="# iac.yaml\nstate: {path: state.json}\nenvironments: {dev: {}, prod: {}}",
    ),
    error(
        "lineage-shared",
        what="`state.lineage` is at the top of iac.yaml, and there are several environments.",
        why="A lineage names one state.",
        fix="Move it to `environments.NAME.state.lineage`.",
        bad="# iac.yaml\nstate: {lineage: 01ab23cd45}\nenvironments: {dev: {}, prod: {}}",
    ),
    error(
        "unknown-environment",
        what="A definition has a part for an environment that iac.yaml does not have.",
        why="iac would never use it.",
        fix="Correct the name.",
        bad="# clients.d/portal.yaml\nenvironments: {prd: {scope: []}}",
    ),
    error(
        "no-client-matches",
        what="A pattern under `environments.NAME.clients` matches no address.",
        why="A typing error in it would remove the clients of the environment from it.",
        fix="Correct it, or remove it.",
        bad="# iac.yaml\nenvironments: {dev: {clients: [dve/*]}}",
    ),
)

STATE = (
    error(
        "key-of-other-backend",
        what="A key of `state` belongs to another backend. An environment with another `backend` than the "
        "project inherits only `encryption`.",
        why="The key would have no effect.",
        fix="Name the backend that the key belongs to, or remove the key; see docs/reference/project.md#keys.",
        bad="# iac.yaml\nstate: {backend: git, bucket: iac}",
    ),
    error(
        "bad-state-place",
        what="An address, repository or path of `state` is invalid: not https (http on this machine); with a "
        "login, query or fragment; a git address that runs a program; a lock on another server; not a "
        "file on the branch; a file that `iac` or git reads. The message does not repeat it, because it "
        "may hold a password.",
        why="Credentials go to the state's own server only, and never in clear.",
        fix="Use the form in the message. Set `username` and `password`, or let git find its credentials.",
        bad='# iac.yaml\nstate: {backend: http, address: "http://gitlab.example.org/api/v4/projects/1/terraform/state/iac"}',
    ),
    error(
        "secrets-in-history",
        what="`encryption: none` with backend git.",
        why="History keeps a secret in clear text forever, in every clone.",
        fix="Name `recipients`, or remove `encryption`: `iac state init` then makes an identity and names its "
        "recipient.",
        bad="# iac.yaml\nstate: {backend: git, encryption: none}",
    ),
)

ADDRESSES = (
    error(
        "bad-address",
        what="The path of a definition has a character that an address cannot have.",
        why="Addresses stand on command lines, in state and in reports.",
        fix="Rename the file. Use letters, digits and `_.@+-`; each part begins with a letter, digit or `_`.",
    ),
    error(
        "address-twice",
        what="Two files have the same address (`a.yaml` and `a.yml`), or addresses or folders differ only in "
        "upper and lower case, or a folder has two files of defaults.",
        why="Some file systems keep only one of them.",
        fix="Rename or delete one.",
    ),
    error(
        "linked-folder",
        what="A folder below `clients.d` is a symbolic link.",
        why="Nobody reviews the folder that it leads to.",
        fix="Move the folder here.",
    ),
    error(
        "outside-project",
        what="A definition, or the folder of an output, is a symbolic link that leads out of the project.",
        why="A pull request could make iac read or write other files.",
        fix="Copy the file here; remove the link.",
    ),
    error(
        "unknown-address",
        what="An output names an address that the environment does not have.",
        fix="Correct it; an address is the path below `clients.d` without `.yaml`.",
        bad="# iac.yaml\noutputs: [{template: json, path: out/a, clients: [prtal]}]",
    ),
    error(
        "removed-twice",
        what="`removed` has the same address twice.",
        fix="Delete one of the entries.",
        bad="# iac.yaml\nremoved: [{address: old, then: delete}, {address: old, then: forget}]",
    ),
    error(
        "removed-still-defined",
        what="An address in `removed` has a definition.",
        fix="Delete the definition or the entry.",
        bad="# iac.yaml\nremoved: [{address: portal, then: delete}]",
    ),
    error(
        "moved-twice",
        what="Two entries of `moved` have the same address.",
        fix="Write one move, from the first address to the last.",
        bad="# iac.yaml\nmoved: [{from: a, to: portal}, {from: b, to: portal}]",
    ),
    error(
        "moved-source-exists",
        what="The old address of a move still has a definition.",
        fix="Delete the file, or the entry.",
        bad="# iac.yaml\nmoved: [{from: portal, to: new}]",
    ),
    error(
        "moved-target-missing",
        what="The new address of a move has no definition.",
        fix="Move the file too.",
        bad="# iac.yaml\nmoved: [{from: old, to: new}]",
    ),
)

OUTPUTS = (
    error(
        "bad-path",
        what="The path of an output is absolute, has `..` or an invisible character, is longer than 1,024 "
        "bytes, or has a name that is longer than 255 bytes or ends with a dot or space.",
        why="Outputs stay inside the project, and some file systems drop dots and spaces at the end of a name.",
        fix="Write a path relative to the project, such as `out/service.env`.",
        bad="# clients.d/portal.yaml\noutputs: [{template: dotenv, path: ../a.env}]",
    ),
    error(
        "output-twice",
        what="Two outputs have the same path, or paths that are one file on some disks (upper and lower case, "
        "encoding of accents), or the same Secret of a cluster.",
        why="The last one would overwrite the other.",
        fix="Change one.",
        bad="# clients.d/portal.yaml\noutputs: [{template: dotenv, path: out/a}, {template: json, path: out/a}]",
    ),
    error(
        "output-over-output",
        what="The path of an output goes through the file of another.",
        why="A file cannot be a folder.",
        fix="Change one.",
        bad="# clients.d/portal.yaml\noutputs: [{template: dotenv, path: out/a}, {template: json, path: out/a/b}]",
    ),
    error(
        "output-over-input",
        what="An output would overwrite what `iac`, git or a forge reads: iac.yaml, clients.d, templates, "
        "schemas, .iac, iac-ci, CODEOWNERS, names that begin with .git, the state, or a file that `auth`, "
        "`state`, `tls` or a sink names; also by links or other case.",
        why="It would destroy the file, or git would run it.",
        fix="Write it to another folder.",
        bad="# clients.d/portal.yaml\noutputs: [{template: dotenv, path: iac.yaml}]",
    ),
    error(
        "unknown-sink",
        what="An output goes to a sink that the environment does not have.",
        why="Nobody would get the output.",
        fix="Name the sink under `sinks` in iac.yaml, or correct its name. `file` is always there.",
        bad="# clients.d/portal.yaml\noutputs: [{template: dotenv, path: out/a.env, sink: spos}]",
    ),
    error(
        "no-recipients",
        what="An output goes to a sink that encrypts, and neither the sink nor the state names a recipient.",
        why="Nobody could read it.",
        fix="Give the sink `recipients`, or let `iac init` or `iac state init` make the state's.",
        bad="# iac.yaml\nsinks: {sops: {kind: sops}}\n"
        "outputs: [{template: dotenv, path: out/a.env, sink: sops, clients: [portal]}]",
    ),
    error(
        "unknown-template",
        what="An output names a template that does not exist.",
        fix="Use a built-in one (`iac new --list` lists them), or a file below `templates/` whose name ends in `.j2`.",
        bad="# clients.d/portal.yaml\noutputs: [{template: dotnev, path: out/a.env}]",
    ),
    error(
        "bad-template",
        what="A template cannot be used: a syntax error, an unknown filter or test, a missing template, too "
        "many bytes, not UTF-8, or a constant such as `10 ** 100000000` that exceeds the limits "
        "(docs/reference/templates.md#limits). The message has the line of the first mistake. `iac "
        "validate` compiles every template, `iac plan` those of outputs that change.",
        why="iac could not render the output.",
        fix="Correct the template; docs/reference/templates.md lists what it can use.",
    ),
    error(
        "bad-output",
        what="An output cannot be rendered: its template uses something that the client, `values` or the "
        "project does not have, or a value has no form in the file's format. `iac validate` renders every "
        "output with made-up credentials, `iac plan` and `iac apply` those that change. The message shows "
        "the template's line.",
        why="iac sends nothing if one output of an apply cannot be rendered.",
        fix="Correct the name in the template, or add the value that it uses.",
    ),
)
