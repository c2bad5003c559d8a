"""What `scripts/check-vault` does: one line a step, with what was expected and found."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import hvac
from hvac.exceptions import InvalidRequest, VaultError

from toolgate.errors import SecretUnavailable
from toolgate.secrets.places import AppRoleLogin, Login, TokenLogin, VaultPlace
from toolgate.secrets.values import Values
from toolgate.secrets.vault import Vault
from toolgate.secrets.vault_api import VaultApi

_TOKEN_VARIABLE = "VAULT_TOKEN"
_TTL = 60
_PATIENCE = 40  # quarters of a second


class Failed(Exception):
    """A step could not be made."""


class Steps:
    """Makes steps and remembers whether all of them came out as expected."""

    def __init__(self) -> None:
        self.failures = 0

    async def step(self, name: str, expected: object, found: Callable[[], Awaitable[object]]) -> bool:
        """One line: what was expected and what was found. Whether they are the same."""
        try:
            answer: object = await found()
        except (SecretUnavailable, Failed) as why:
            answer = f"{type(why).__name__}: {why}"
        well = answer == expected
        self.failures += not well
        print(f"{'ok  ' if well else 'FAIL'}  {name}: expected {expected}, found {answer}", flush=True)
        return well

    def left_out(self, name: str, why: str) -> None:
        """A step that this token may not make."""
        print(f"--    {name}: left out, {why}", flush=True)


class Check:
    """One Vault, what was made in it, and toolgate's own way to read it."""

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self.given = given
        self.steps = Steps()
        self.mark = f"toolgate-check-{secrets.token_hex(4)}"
        self.trust: bool | str = str(given.ca_cert) if given.ca_cert else True
        token = os.environ[_TOKEN_VARIABLE]
        opened: Any = hvac.Client
        self.client = opened(given.address, token=token, namespace=given.namespace, verify=self.trust)
        self.folder = folder
        self.undo: list[Callable[[], object]] = []

    def values(self, login: Login, seen: list[str]) -> tuple[Values, Vault]:
        """toolgate's adapter, with this login; `seen` gets what it would look for in texts."""
        place = self.place(login)
        vault = Vault(place, self.folder, seen.append, time.monotonic)
        return Values(self.folder, seen.append, time.monotonic, vault), vault

    def place(self, login: Login) -> VaultPlace:
        """Where Vault is, in the words of the settings."""
        trust = Path(self.trust) if isinstance(self.trust, str) else self.trust
        return VaultPlace(self.given.address, login, self.given.namespace or "", trust=trust)

    async def run(self) -> int:
        """Every step; what was made is removed whatever happens."""
        try:
            if not await self.steps.step("Vault answers and is unsealed", "sealed=False", self._seal):
                return 1
            mounts = self._mounts()
            for version, mount in mounts:
                await self._read(version, mount)
            if mounts:
                await self._refusals(mounts[-1][1])
                await self._approle(mounts[-1][1])
        finally:
            await self._clean()
        if not mounts:
            print("FAIL  found no KV engine to work in, expected a token that may make one, or --mount")
            return 1
        print(f"{self.steps.failures} steps failed" if self.steps.failures else "everything as expected")
        return 1 if self.steps.failures else 0

    async def _seal(self) -> str:
        try:
            status: Any = self.client.sys.read_seal_status()
            return f"sealed={status['sealed']}"
        except (OSError, VaultError, KeyError, TypeError) as error:
            raise Failed(type(error).__name__) from None

    def _mounts(self) -> list[tuple[int, str]]:
        if self.given.mount:
            return [(0, self.given.mount)]
        made: list[tuple[int, str]] = []
        for version in (1, 2):
            mount = f"{self.mark}-{version}"
            try:
                self.client.sys.enable_secrets_engine("kv", path=mount, options={"version": str(version)})
            except (OSError, VaultError) as error:
                self.steps.left_out(f"KV {version}", f"{type(error).__name__} on making an engine")
                continue
            self.undo.append(partial(self.client.sys.disable_secrets_engine, mount))
            made.append((version, mount))
        return made

    def _write(self, version: int, mount: str, **data: str) -> None:
        kv = self.client.secrets.kv
        if version == 1:
            kv.v1.create_or_update_secret(self.mark, secret=data, mount_point=mount)
        else:
            kv.v2.create_or_update_secret(self.mark, secret=data, mount_point=mount)

    async def _first_write(self, version: int, mount: str, **data: str) -> None:
        """Write to an engine that may just have been made: version 2 is not ready at once."""
        for _ in range(_PATIENCE):
            try:
                self._write(version, mount, **data)
            except InvalidRequest:
                await asyncio.sleep(0.25)
            except (OSError, VaultError):
                break
            else:
                return
        with _plainly():
            self._write(version, mount, **data)

    async def _read(self, version: int, mount: str) -> None:
        """A value is read through toolgate with the version found out, rotated, and read again."""
        if not version:
            answer: Any = self.client.adapter.get(f"/v1/sys/internal/ui/mounts/{mount}")
            version = int((answer["data"].get("options") or {}).get("version") or 1)
            self.undo.append(lambda: self._remove(version, mount))
        seen: list[str] = []
        values, vault = self.values(TokenLogin(f"secret:env:{_TOKEN_VARIABLE}"), seen)
        text = {"headers.Authorization": f"Bearer secret:vault:{mount}/{self.mark}#token"}
        first, second = (f"value-{secrets.token_hex(8)}" for _ in range(2))

        async def shown(again: bool) -> str:
            found = values.reread if again else values.reveal
            return (await found("check", text)).texts["headers.Authorization"]

        await self._first_write(version, mount, token=first, other="x")
        await self.steps.step(f"KV {version} is read", f"Bearer {first}", lambda: shown(again=False))
        with _plainly():
            self._write(version, mount, token=second)
        await self.steps.step(f"KV {version} is cached", f"Bearer {first}", lambda: shown(again=False))
        await self.steps.step(f"KV {version} is rotated", f"Bearer {second}", lambda: shown(again=True))

        async def registered() -> str:
            return f"{len({first, second} & set(seen))} of 2"

        await self.steps.step(f"KV {version}: values looked for in texts", "2 of 2", registered)
        await values.close()
        await vault.close()

    def _remove(self, version: int, mount: str) -> None:
        kv = self.client.secrets.kv
        if version == 1:
            kv.v1.delete_secret(self.mark, mount_point=mount)
        else:
            kv.v2.delete_metadata_and_all_versions(self.mark, mount_point=mount)

    async def _refusals(self, mount: str) -> None:
        async def refused(login: Login, path: str) -> str:
            values, vault = self.values(login, [])
            try:
                await values.reveal("check", {"env.A": f"secret:vault:{mount}/{path}"})
            except SecretUnavailable as why:
                return "refused, naming the reference" if f"{mount}/{path}: found" in str(why) else str(why)
            finally:
                await values.close()
                await vault.close()
            return "a value"

        own, expected = TokenLogin(f"secret:env:{_TOKEN_VARIABLE}"), "refused, naming the reference"
        wrong = self.folder / "wrong-token"
        wrong.write_text("hvs.this-is-no-token")
        await self.steps.step("a missing key", expected, lambda: refused(own, f"{self.mark}#nothing"))
        await self.steps.step("a missing path", expected, lambda: refused(own, f"{self.mark}-none#token"))
        strange = TokenLogin("secret:file:wrong-token")
        await self.steps.step("a wrong token", expected, lambda: refused(strange, f"{self.mark}#token"))

    async def _approle(self, mount: str) -> None:
        try:
            login = self._made_approle(mount)
        except (OSError, VaultError, KeyError, TypeError) as error:
            self.steps.left_out("AppRole", f"{type(error).__name__} on making a role")
            return
        learned: list[str] = []
        fill = {"secret:file:secret-id": (self.folder / "secret-id").read_text()}
        api = VaultApi(self.place(login), lambda text: fill.get(text, text), learned.append, time.monotonic)

        async def read() -> str:
            found = (await asyncio.to_thread(api.read, f"{mount}/{self.mark}")).values
            return f"{'a value' if 'token' in found else 'no value'} after {len(learned)} logins"

        async def lengthened() -> str:
            before = api.due or 0.0
            await asyncio.to_thread(api.renew)
            later = (api.due or 0.0) > before
            return f"{'a longer' if later else 'the same'} life after {len(learned)} logins"

        async def entered_again() -> str:
            with _plainly():
                self.client.auth.token.revoke(learned[-1])
            return await read()

        await self.steps.step("AppRole logs in and reads", "a value after 1 logins", read)
        await self.steps.step("its token is renewed", "a longer life after 1 logins", lengthened)
        await self.steps.step("a revoked token is replaced", "a value after 2 logins", entered_again)
        api.close()

    def _made_approle(self, mount: str) -> Login:
        """A role whose tokens may read the mount for a minute; its secret id lies in a file."""
        policy = f'path "{mount}/*" {{ capabilities = ["read"] }}'
        system, approle = self.client.sys, self.client.auth.approle
        system.create_or_update_acl_policy(self.mark, policy)
        self.undo.append(lambda: system.delete_acl_policy(self.mark))
        system.enable_auth_method("approle", path=self.mark)
        self.undo.append(lambda: system.disable_auth_method(self.mark))
        approle.create_or_update_approle(
            "check", token_policies=[self.mark], token_ttl=f"{_TTL}s", mount_point=self.mark
        )
        role = approle.read_role_id("check", mount_point=self.mark)["data"]["role_id"]
        made = approle.generate_secret_id("check", mount_point=self.mark)["data"]["secret_id"]
        (self.folder / "secret-id").write_text(made)
        return AppRoleLogin(role, "secret:file:secret-id", self.mark)

    async def _clean(self) -> None:
        if not self.undo:
            return

        async def removed() -> str:
            left = 0
            while self.undo:
                try:
                    self.undo.pop()()
                except (OSError, VaultError):
                    left += 1
            return f"{left} left"

        await self.steps.step("what was made is removed", "0 left", removed)


@contextmanager
def _plainly() -> Generator[None]:
    """Tell what hvac raises by its kind: its text may quote what was sent."""
    try:
        yield
    except (OSError, VaultError) as error:
        raise Failed(type(error).__name__) from None


def main() -> int:
    """Exit codes: 0 everything as expected, 1 something was not, 2 misuse."""
    parser = argparse.ArgumentParser(prog="check-vault", description="Check toolgate's Vault adapter.")
    parser.add_argument("address", help="https://HOST:PORT of a Vault or OpenBao")
    parser.add_argument("--namespace", help="the namespace to work in")
    parser.add_argument("--ca-cert", type=Path, help="certificates in PEM that Vault's must be signed by")
    parser.add_argument("--mount", help="an existing KV engine to use, where this token may make none")
    given = parser.parse_args()
    if not os.environ.get(_TOKEN_VARIABLE):
        sys.stderr.write(f"{_TOKEN_VARIABLE}: found nothing, expected a token that may make KV engines\n")
        return 2
    with tempfile.TemporaryDirectory() as folder, suppress(KeyboardInterrupt):
        try:
            return asyncio.run(Check(given, Path(folder)).run())
        except Failed as why:
            print(f"FAIL  setting up: found {why}, expected Vault to take it")
    return 1


if __name__ == "__main__":
    sys.exit(main())
