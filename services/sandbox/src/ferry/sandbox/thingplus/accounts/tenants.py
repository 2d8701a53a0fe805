"""Who may do what at Thing+: tenants with their users, OAuth clients, sites and plan limits."""

import hmac
from typing import Any

from ferry.sandbox.fixtures import AuthClient, Site, ThingPlusFixture, ThingPlusTenant, User
from ferry.sandbox.thingplus.envelope import not_found, not_yours, over_plan


class Accounts:
    def __init__(self, fixture: ThingPlusFixture, loaded_at: int) -> None:
        self.tenants = {tenant.name: tenant for tenant in fixture.tenants}
        self.created: list[tuple[str, AuthClient]] = []
        """The clients that were not in the fixtures, with their tenants."""
        self._stamps = {"mtime": str(loaded_at), "ctime": str(loaded_at)}

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
        self.created.append((tenant, client))

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

    def users(self, tenant: str) -> list[dict[str, Any]]:
        return [self._shown_user(tenant, user) for user in self._present(tenant)]

    def shown_user(self, tenant: str, user_id: str) -> dict[str, Any]:
        """Raises ThingPlusError: 404 for nobody, 403 for another tenant's."""
        for user in self._present(tenant):
            if user.id == user_id:
                return self._shown_user(tenant, user)
        if any(user.id == user_id for name in self.tenants for user in self._present(name)):
            raise not_yours("user", user_id)
        raise not_found("user", user_id)

    def _present(self, tenant: str) -> list[User]:
        return [user for user in self.tenants[tenant].users if user.state != "deleted"]

    def _shown_user(self, tenant: str, user: User) -> dict[str, Any]:
        sites = self.tenants[tenant].sites
        return {
            "loginId": user.login,
            "accessApproval": "allow" if user.state == "active" else "deny",
            "_service": "1",
            "_site": sites[0].id if sites else "",
            "roles": ["serviceAdmin", f"user:{user.id}"],
            "billing": f"user:{user.id}",
            "billingLimit": f"user:{user.id}:limit",
            "billingCurrent": f"user:{user.id}:current",
            "billingMeter": f"user:{user.id}:meter",
            **self._stamps,
            "id": user.id,
        }

    def site(self, tenant: str, name: str) -> Site:
        """Raises ThingPlusError: 404 for a bogus one, 403 for another tenant's."""
        for owner, each in self.tenants.items():
            for site in each.sites:
                if site.id == name:
                    if owner != tenant:
                        raise not_yours("site", name)
                    return site
        raise not_found("site", name)

    def sites(self, tenant: str) -> list[dict[str, Any]]:
        return [self.shown_site(tenant, site.id) for site in self.tenants[tenant].sites]

    def shown_site(self, tenant: str, name: str) -> dict[str, Any]:
        site = self.site(tenant, name)
        return {
            "billing": f"site:{site.id}",
            "code": site.code,
            "ctime": self._stamps["ctime"],
            "_service": "1",
            "billingReserve": f"site:{site.id}:reserve",
            "billingLimit": f"site:{site.id}:limit",
            "name": site.name,
            "id": site.id,
            "billingMeter": f"site:{site.id}:meter",
            "mtime": self._stamps["mtime"],
            "billingCurrent": f"site:{site.id}:current",
        }

    def check_gateways(self, tenant: str, site: str, of_tenant: int, of_site: int) -> None:
        """Whether one gateway more fits the plans of the tenant and the site. Raises ThingPlusError 471."""
        limits = self.site(tenant, site).limits
        if of_tenant >= self.tenants[tenant].limits.gateways or (limits and of_site >= limits.gateways):
            raise over_plan("gateways")

    def check_sensors(self, tenant: str, site: str, of_tenant: int, of_site: int) -> None:
        """Whether one sensor more fits the plans of the tenant and the site. Raises ThingPlusError 471."""
        limits = self.site(tenant, site).limits
        if of_tenant >= self.tenants[tenant].limits.sensors or (limits and of_site >= limits.sensors):
            raise over_plan("sensors")


def _same(stored: str, given: str) -> bool:
    return hmac.compare_digest(
        stored.encode("utf-8", "surrogatepass"), given.encode("utf-8", "surrogatepass")
    )
