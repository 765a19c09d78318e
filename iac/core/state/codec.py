"""The parts of state as JSON objects and back. Pure; reading is strict: what is not as written here is damage.

A member whose value is None is left out, every other member is always there. Sets are sorted, so the same value has
the same text.
"""

from __future__ import annotations

from typing import Any, assert_never

from iac.core.model import FIELDS, Value
from iac.core.state.members import Malformed, Members, Object, frozen, strings
from iac.core.state.model import (
    Approval,
    ClientGone,
    ClientKey,
    ClientState,
    ClientWritten,
    Event,
    Intent,
    IntentDropped,
    IntentGiven,
    OutputRecord,
    OutputWritten,
    Predecessor,
    PredecessorGone,
    SealedSecret,
    Tombstone,
)


def client_object(client: ClientState) -> Object:
    """One client as a JSON object."""
    return _present(
        client_id=client.client_id,
        provider=client.provider,
        applied=dict(client.applied),
        declared=sorted(client.declared),
        owners=client.owners,
        secret=secret_object(client.secret) if client.secret else None,
        secret_status=client.secret_status,
        secret_serial=client.secret_serial,
        prevent_destroy=client.prevent_destroy,
        applied_at=client.applied_at,
        rat=secret_object(client.rat) if client.rat else None,
        registration_uri=client.registration_uri or None,
        adopted_at=client.adopted_at or None,
        generation=client.generation if client.generation > 1 else None,
        predecessors=[predecessor_object(each) for each in client.predecessors] or None,
        answer=client.answer,
    )


def predecessor_object(predecessor: Predecessor) -> Object:
    """A predecessor as a JSON object."""
    return {
        "client": client_object(predecessor.client),
        "grace": predecessor.grace,
        "since": predecessor.since,
    }


def secret_object(secret: SealedSecret) -> Object:
    """A sealed secret as a JSON object."""
    return _present(
        sealed=secret.sealed,
        salt=secret.salt,
        fingerprint=secret.fingerprint,
        version=secret.version,
        since=secret.since,
        recipients=secret.recipients or None,
        state_recipients=secret.state_recipients or None,
    )


def key_object(key: ClientKey) -> Object:
    """A key as a JSON object."""
    return {"kid": key.kid, "public": key.public, "private": secret_object(key.private)}


def intent_object(intent: Intent) -> Object:
    """An intent as a JSON object."""
    return _present(
        address=intent.address,
        client_id=intent.client_id,
        action=intent.action,
        run_id=intent.run_id,
        at=intent.at,
        secret=secret_object(intent.secret) if intent.secret else None,
        begun=intent.begun,
    )


def tombstone_object(tombstone: Tombstone) -> Object:
    """A tombstone as a JSON object."""
    return {
        "address": tombstone.address,
        "client": client_object(tombstone.client),
        "deleted_at": tombstone.deleted_at,
    }


def output_object(output: OutputRecord) -> Object:
    """An output's record as a JSON object."""
    return {"digest": output.digest, "clients": output.clients, "sink": output.sink, "serial": output.serial}


def approval_object(approval: Approval) -> Object:
    """An approval as a JSON object."""
    return _present(digest=approval.digest, changes=approval.changes, at=approval.at, seen=dict(approval.seen) or None)


def event_object(event: Event) -> Object:
    """A journal event as a JSON object; `type` names it."""
    match event:
        case ClientWritten(address, client):
            return {"type": "client_written", "address": address, "client": client_object(client)}
        case ClientGone(address, tombstone):
            buried = tombstone_object(tombstone) if tombstone else None
            return _present(type="client_gone", address=address, tombstone=buried)
        case PredecessorGone(tombstone):
            return {"type": "predecessor_gone", "tombstone": tombstone_object(tombstone)}
        case IntentGiven(intent):
            return {"type": "intent_given", "intent": intent_object(intent)}
        case IntentDropped(address):
            return {"type": "intent_dropped", "address": address}
        case OutputWritten(name, record):
            return _present(type="output_written", path=name, record=output_object(record) if record else None)
        case _:
            assert_never(event)


def parse_client(data: Any, at: str) -> ClientState:
    """A client out of its JSON object.

    Raises:
        Malformed: it is none.
    """
    members = Members(data, at)
    client = ClientState(
        client_id=members.text("client_id"),
        provider=members.text("provider"),
        applied={name: _value(value, at, name) for name, value in members.object("applied").items()},
        declared=frozenset(members.texts("declared")),
        owners=members.texts("owners") if members.has("owners") else None,
        secret=_optional_secret(members, "secret", at),
        secret_status=members.status("secret_status"),
        secret_serial=members.number("secret_serial"),
        prevent_destroy=members.flag("prevent_destroy"),
        applied_at=members.text("applied_at"),
        rat=_optional_secret(members, "rat", at),
        registration_uri=members.text("registration_uri") if members.has("registration_uri") else "",
        adopted_at=members.text("adopted_at") if members.has("adopted_at") else "",
        generation=members.number("generation", least=1) if members.has("generation") else 1,
        predecessors=_predecessors(members, at) if members.has("predecessors") else (),
        answer=members.json("answer") if members.has("answer") else None,
    )
    members.end()
    return client


def _predecessors(members: Members, at: str) -> tuple[Predecessor, ...]:
    return tuple(_predecessor(Members(data, f"{at}.predecessors"), at) for data in members.items("predecessors"))


def _predecessor(members: Members, at: str) -> Predecessor:
    client = parse_client(members.object("client"), f"{at}.predecessors")
    predecessor = Predecessor(client, members.number("grace"), members.text("since"))
    members.end()
    return predecessor


def parse_secret(data: Any, at: str) -> SealedSecret:
    """A sealed secret out of its JSON object; raises `Malformed`."""
    members = Members(data, at)
    secret = SealedSecret(
        sealed=members.text("sealed"),
        salt=members.text("salt"),
        fingerprint=members.text("fingerprint"),
        version=members.number("version"),
        since=members.text("since"),
        recipients=members.texts("recipients") if members.has("recipients") else (),
        state_recipients=members.texts("state_recipients") if members.has("state_recipients") else (),
    )
    members.end()
    return secret


def _optional_secret(members: Members, name: str, at: str) -> SealedSecret | None:
    return parse_secret(members.object(name), f"{at}.{name}") if members.has(name) else None


def parse_key(data: Any, at: str) -> ClientKey:
    """A key out of its JSON object; raises `Malformed`."""
    members = Members(data, at)
    private = parse_secret(members.object("private"), f"{at}.private")
    key = ClientKey(members.text("kid"), members.text("public"), private)
    members.end()
    return key


def parse_intent(data: Any, at: str) -> Intent:
    """An intent out of its JSON object; raises `Malformed`."""
    members = Members(data, at)
    intent = Intent(
        address=members.text("address"),
        client_id=members.text("client_id"),
        action=members.text("action"),
        run_id=members.text("run_id"),
        at=members.text("at"),
        secret=_optional_secret(members, "secret", at),
        begun=members.flag("begun") if members.has("begun") else None,
    )
    members.end()
    return intent


def parse_tombstone(data: Any, at: str) -> Tombstone:
    """A tombstone out of its JSON object; raises `Malformed`."""
    members = Members(data, at)
    client = parse_client(members.object("client"), f"{at}.client")
    tombstone = Tombstone(members.text("address"), client, members.text("deleted_at"))
    members.end()
    return tombstone


def parse_output(data: Any, at: str) -> OutputRecord:
    """An output's record out of its JSON object; raises `Malformed`."""
    members = Members(data, at)
    digest, clients, sink = members.text("digest"), members.texts("clients"), members.text("sink")
    output = OutputRecord(digest, clients, sink, members.number("serial"))
    members.end()
    return output


def parse_approval(data: Any, at: str) -> Approval:
    """An approval out of its JSON object; raises `Malformed`."""
    members = Members(data, at)
    digest, changes, moment = members.text("digest"), members.texts("changes"), members.text("at")
    seen = members.object("seen") if members.has("seen") else {}
    strings(seen.values(), f"{at}.seen")
    members.end()
    return Approval(digest, changes, moment, seen)


def parse_event(members: Members, at: str) -> Event:
    """A journal event out of its JSON object; raises `Malformed`."""
    event = _event(members, at)
    members.end()
    return event


def _event(members: Members, at: str) -> Event:
    match members.text("type"):
        case "client_written":
            return ClientWritten(members.text("address"), parse_client(members.object("client"), f"{at}.client"))
        case "client_gone":
            buried = members.object("tombstone") if members.has("tombstone") else None
            tombstone = parse_tombstone(buried, f"{at}.tombstone") if buried is not None else None
            return ClientGone(members.text("address"), tombstone)
        case "predecessor_gone":
            return PredecessorGone(parse_tombstone(members.object("tombstone"), f"{at}.tombstone"))
        case "intent_given":
            return IntentGiven(parse_intent(members.object("intent"), f"{at}.intent"))
        case "intent_dropped":
            return IntentDropped(members.text("address"))
        case "output_written":
            record = parse_output(members.object("record"), f"{at}.record") if members.has("record") else None
            return OutputWritten(members.text("path"), record)
        case _:
            raise Malformed(f"{at}.type: not an event of this version")


def _value(value: Any, at: str, name: str) -> Value:
    """A field's value: as this program knows the field, and of any kind where it does not."""
    if type(value) is list and name in FIELDS:
        return strings(value, f"{at}.applied.{name}")
    if name in FIELDS and type(value) not in {str, int, bool}:
        raise Malformed(f"{at}.applied.{name}: not a field's value")
    checked: Value = frozen(value, f"{at}.applied.{name}")
    return checked


def _present(**members: Any) -> Object:
    return {name: value for name, value in members.items() if value is not None}
