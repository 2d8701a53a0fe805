"""Who may do what at Thing+: tenants with their users, OAuth clients, sites and plan limits."""

import hmac
from typing import Any

from ferry.sandbox.fixtures import AuthClient, Limits, Site, ThingPlusFixture, ThingPlusTenant, User
from ferry.sandbox.thingplus.envelope import not_found


class Accounts:
    def __init__(self, fixture: ThingPlusFixture, loaded_at: int) -> None:
        self.tenants = {tenant.name: tenant for tenant in fixture.tenants}
        self._loaded_at = loaded_at

    def limits(self, tenant: str) -> Limits:
        return self.tenants[tenant].limits

    def client(self, name: str, secret: str) -> tuple[ThingPlusTenant, AuthClient] | None:
        for tenant in self.tenants.values():
            for client in tenant.clients:
                if client.id == name:
                    return (tenant, client) if _same(client.secret, secret) else None
        return None

    def has_client(self, name: str) -> bool:
        return any(client.id == name for tenant in self.tenants.values() for client in tenant.clients)

    def add_client(self, tenant: str, client: AuthClient) -> None:
        self.tenants[tenant].clients.append(client)

    def user(self, login: str, password_md5: str) -> tuple[ThingPlusTenant, User] | None:
        """A deleted user is not there any more; a disabled one is."""
        for tenant in self.tenants.values():
            for user in tenant.users:
                if user.login == login and user.state != "deleted":
                    return (tenant, user) if _same(user.password_md5, password_md5) else None
        return None

    def is_active(self, tenant: str, user_id: str) -> bool:
        found = self.tenants.get(tenant)
        return found is not None and any(
            user.id == user_id and user.state == "active" for user in found.users
        )

    def site(self, tenant: str, name: str) -> Site:
        for site in self.tenants[tenant].sites:
            if site.id == name:
                return site
        raise not_found("site", name)

    def sites(self, tenant: str) -> list[dict[str, Any]]:
        return [self._shown(site) for site in self.tenants[tenant].sites]

    def _shown(self, site: Site) -> dict[str, Any]:
        return {
            "billing": f"site:{site.id}",
            "code": site.code,
            "ctime": str(self._loaded_at),
            "_service": "1",
            "billingReserve": f"site:{site.id}:reserve",
            "billingLimit": f"site:{site.id}:limit",
            "name": site.name,
            "id": site.id,
            "billingMeter": f"site:{site.id}:meter",
            "mtime": str(self._loaded_at),
            "billingCurrent": f"site:{site.id}:current",
        }


def _same(known: str, given: str) -> bool:
    return hmac.compare_digest(known.encode(), given.encode("utf-8", "surrogatepass"))
