"""Writes and reads a publisher's account in nats-server's configuration."""

import re
from dataclasses import dataclass

from ferry.contract.ids import safe_id
from ferry.contract.subjects import PREFIX

_NKEY = re.compile(r'\bnkey: "(U[A-Z2-7]{55})"')
_SUBJECT = re.compile(rf'subject: "{re.escape(PREFIX)}\.gateways\.([A-Za-z0-9_-]+)\.>"')
_MQTT = re.compile(r'\buser: "mqtt-[^"]+", password: "([^"]+)"')


@dataclass(frozen=True, slots=True)
class Account:
    """It imports its gateways' subjects and nothing else; permissions say it once more.

    `public_key` is its nkey's, `mqtt_hash` the bcrypt hash of its password for MQTT.
    """

    name: str
    public_key: str
    gateways: tuple[str, ...]
    mqtt_hash: str | None = None

    def text(self) -> str:
        """Raises ValueError for an unsafe id."""
        subjects = [f"{PREFIX}.gateways.{safe_id(gateway)}.>" for gateway in self.gateways]
        imports = "\n".join(f'    {{ service: {{ account: FERRY, subject: "{one}" }} }}' for one in subjects)
        allowed = ", ".join(f'"{subject}"' for subject in subjects)
        jetstream, user = self._mqtt(allowed)
        return f"""PUBLISHER_{safe_id(self.name)} {{
{jetstream}  imports: [
{imports}
  ]
  users: [
    {{
      nkey: "{self.public_key}", allowed_connection_types: [ "STANDARD", "WEBSOCKET" ]
      permissions: {{
        publish: {{ allow: [ {allowed} ] }}
        subscribe: {{ allow: [ "_INBOX_{self.name}.>" ] }}
      }}
    }}{user}
  ]
  limits: {{ max_connections: 16, max_subscriptions: 64 }}
}}
"""

    def _mqtt(self, allowed: str) -> tuple[str, str]:
        """The server keeps MQTT sessions in streams of the account, which this user cannot reach by itself."""
        if not self.mqtt_hash:
            return "", ""
        jetstream = "  jetstream: { max_memory: 1MB, max_file: 16MB, max_streams: 8, max_consumers: 64 }\n"
        return (
            jetstream,
            f"""
    {{
      user: "mqtt-{self.name}", password: "{self.mqtt_hash}", allowed_connection_types: [ "MQTT" ]
      permissions: {{ publish: {{ allow: [ {allowed} ] }}, subscribe: {{ deny: ">" }} }}
    }}""",
        )


def read(name: str, text: str) -> Account:
    """Raises ValueError for what is no account of this name as `Account.text` writes it."""
    key = _NKEY.search(text)
    mqtt = _MQTT.search(text)
    if not text.startswith(f"PUBLISHER_{name} {{") or not key:
        raise ValueError(f"it is no account of the publisher {name}")
    gateways = tuple(dict.fromkeys(_SUBJECT.findall(text)))
    return Account(name, key[1], gateways, mqtt[1] if mqtt else None)
