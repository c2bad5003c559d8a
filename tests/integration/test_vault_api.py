"""What speaks to Vault, against a stand-in that follows its documented HTTP API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates import self_signed
from toolgate.errors import SecretDenied, SecretUnavailable
from toolgate.secrets import local
from toolgate.secrets.places import AppRoleLogin, KubernetesLogin, Login, TokenLogin, VaultPlace
from toolgate.secrets.vault_api import VaultApi
from vaults import Clock, Mount, Role, Vault, standing

TOKEN = TokenLogin("secret:env:TEST_VAULT_TOKEN")


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    made = Vault(Clock())
    monkeypatch.setenv("TEST_VAULT_TOKEN", made.token("hvs.first"))
    with standing(made):
        yield made


def api(vault: Vault, login: Login = TOKEN, learned: list[str] | None = None, **more: object) -> VaultApi:
    place = VaultPlace(vault.url, login, timeout=5.0)
    for key, value in more.items():
        object.__setattr__(place, key, value)
    seen = learned if learned is not None else []

    def fill(text: str) -> str:
        return local.filled(text, Path("/"))[0]

    return VaultApi(place, fill, seen.append, vault.clock)


def test_a_secret_of_each_kv_version_is_read_without_being_told_which_it_is(vault: Vault) -> None:
    vault.put("kv/crm", 2, token="s3cret-2", port=8200, on=True)
    vault.put("old/crm", 1, token="s3cret-1", ttl="90")
    reader = api(vault)
    assert reader.read("kv/crm").values == {"token": "s3cret-2", "port": "8200"}
    assert reader.read("old/crm").lease == 90
    assert vault.paths("crm") == [
        "GET sys/internal/ui/mounts/kv/crm",
        "GET kv/data/crm",
        "GET sys/internal/ui/mounts/old/crm",
        "GET old/crm",
    ]
    reader.read("kv/crm")
    assert vault.paths("crm")[4:] == ["GET kv/data/crm"]  # the version is asked for once


def test_a_mount_with_slashes_in_its_name_is_found(vault: Vault) -> None:
    vault.mounts["team/kv"] = Mount(2, {"a/b": [{"k": "v-long-enough"}]})
    assert api(vault).read("team/kv/a/b").values == {"k": "v-long-enough"}
    assert api(vault, kv=2, mount="team/kv").read("team/kv/a/b").values == {"k": "v-long-enough"}


def test_a_version_given_in_the_settings_asks_nobody(vault: Vault) -> None:
    vault.put("kv/crm", 2, token="s3cret-2")
    api(vault, kv=2).read("kv/crm")
    assert not vault.paths("internal")


def test_every_request_names_token_and_namespace(vault: Vault) -> None:
    vault.namespace = "team/a"
    vault.put("kv/crm", 2, token="s3cret-2")
    api(vault, namespace="team/a").read("kv/crm")
    assert {(visit.token, visit.namespace) for visit in vault.visits} == {("hvs.first", "team/a")}
    with pytest.raises(SecretDenied):
        api(vault).read("kv/crm")


def test_an_approle_logs_in_and_its_token_is_learned(vault: Vault) -> None:
    vault.put("kv/crm", 2, token="s3cret-2")
    vault.roles["approle"]["gate"] = Role(("the-role-id", "the-secret-id"))
    vault.roles["elsewhere/approle"] = {"gate": Role(("other-role", ""))}
    learned: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_ID", "the-secret-id")
        reader = api(vault, AppRoleLogin("the-role-id", "secret:env:SECRET_ID"), learned)
        assert reader.read("kv/crm").values == {"token": "s3cret-2"}
    assert vault.visits[0].token == ""
    assert learned == [vault.visits[-1].token]
    other = AppRoleLogin("other-role", "", "elsewhere/approle")
    assert api(vault, other).read("kv/crm").values == {"token": "s3cret-2"}
    with pytest.raises(SecretDenied):
        api(vault, AppRoleLogin("other-role", "")).read("kv/crm")


def test_a_pod_logs_in_with_the_newest_token_of_its_service_account(vault: Vault, tmp_path: Path) -> None:
    vault.put("kv/crm", 2, token="s3cret-2")
    jwt = tmp_path / "token"
    reader = api(vault, KubernetesLogin("gate", jwt))
    for number in (1, 2):
        jwt.write_text(f"eyJ.{number}\n")
        vault.roles["kubernetes"]["gate"] = Role(("gate", f"eyJ.{number}"), ttl=60)
        assert reader.read("kv/crm").values == {"token": "s3cret-2"}
        vault.clock.pass_by(61)
    assert len(vault.paths("login")) == 2


def test_a_token_is_renewed_before_it_ends_and_replaced_where_renewing_no_longer_helps(vault: Vault) -> None:
    vault.put("kv/crm", 2, token="s3cret-2")
    vault.roles["approle"]["gate"] = Role(("r", ""), ttl=90, most=200)
    reader = api(vault, AppRoleLogin("r"))
    reader.read("kv/crm")
    assert reader.due == vault.clock() + 60
    for logins in (1, 1, 2):
        vault.clock.pass_by(60)
        reader.renew()
        assert len(vault.paths("login")) == logins
    assert len(vault.paths("renew-self")) == 3
    reader.read("kv/crm")
    assert len(vault.paths("login")) == 2


def test_a_token_that_cannot_be_renewed_is_replaced(vault: Vault) -> None:
    vault.put("kv/crm", 2, token="s3cret-2")
    vault.roles["approle"]["gate"] = Role(("r", ""), ttl=90, renewable=False)
    reader = api(vault, AppRoleLogin("r"))
    reader.read("kv/crm")
    vault.clock.pass_by(60)
    reader.renew()
    assert vault.paths("token/") == []
    assert len(vault.paths("login")) == 2


def test_a_token_that_ended_or_was_revoked_is_replaced_and_the_read_repeated_once(vault: Vault) -> None:
    vault.put("kv/crm", 2, token="s3cret-2")
    vault.roles["approle"]["gate"] = Role(("r", ""), ttl=90)
    reader = api(vault, AppRoleLogin("r"))
    reader.read("kv/crm")
    vault.clock.pass_by(91)
    assert reader.read("kv/crm").values == {"token": "s3cret-2"}
    vault.tokens.clear()
    assert reader.read("kv/crm").values == {"token": "s3cret-2"}
    assert len(vault.paths("login")) == 3


def test_a_token_in_a_variable_is_taken_anew_when_the_old_one_is_refused(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.put("kv/crm", 2, token="s3cret-2")
    reader = api(vault)
    reader.read("kv/crm")
    vault.tokens.clear()
    with pytest.raises(SecretDenied):
        reader.read("kv/crm")
    monkeypatch.setenv("TEST_VAULT_TOKEN", vault.token("hvs.second"))
    assert reader.read("kv/crm").values == {"token": "s3cret-2"}


def test_what_goes_wrong_is_told_without_vaults_words_and_the_next_read_works(vault: Vault) -> None:
    vault.put("kv/crm", 2, token="s3cret-2")
    vault.put("kv/gone", 2, token="s3cret-3")
    vault.mounts["kv"].secrets["gone"].append(None)
    reader = api(vault, kv=2)
    for setting, path, expected in (
        ("sealed", "kv/crm", "sealed"),
        ("moved", "kv/crm", "not Vault's"),
        ("broken", "kv/crm", "not Vault's"),
        ("", "kv/nothing", "nothing in Vault"),
        ("", "kv/gone", "deleted"),
        ("", "nowhere/x", "nothing in Vault"),
    ):
        if setting:
            setattr(vault, setting, True)
        with pytest.raises(SecretUnavailable, match=expected) as caught:
            reader.read(path)
        assert "hvs." not in str(caught.value)
        assert "errors" not in str(caught.value)
        if setting:
            setattr(vault, setting, False)
        assert reader.read("kv/crm").values == {"token": "s3cret-2"}
    assert not vault.paths("elsewhere")  # a redirect is not followed


def test_an_unknown_mount_is_denied_as_vault_says_and_another_engine_is_named(vault: Vault) -> None:
    with pytest.raises(SecretDenied):
        api(vault).read("nowhere/x")
    vault.put("pki/x", 1, k="v")
    vault.mounts["pki"].kind = "pki"
    with pytest.raises(SecretUnavailable, match="another secrets engine"):
        api(vault).read("pki/x")


def test_a_vault_that_does_not_listen_is_unreachable(vault: Vault) -> None:
    vault.url = "http://127.0.0.1:9"  # the discard port: nobody listens
    with pytest.raises(SecretUnavailable, match="unreachable"):
        api(vault).read("kv/crm")


def test_a_vault_that_does_not_answer_is_left_after_the_timeout(vault: Vault) -> None:
    vault.gate.clear()
    with pytest.raises(SecretUnavailable, match="in time"):
        api(vault, timeout=0.05).read("kv/crm")


def test_nothing_of_the_environment_reaches_vault(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    vault.put("kv/crm", 2, token="s3cret-2")
    vault.roles["approle"]["gate"] = Role(("r", ""))
    for name in ("VAULT_TOKEN", "VAULT_NAMESPACE"):
        monkeypatch.setenv(name, "from-the-environment")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".vault-token").write_text("from-the-home-folder")
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login x password y\n")
    api(vault, AppRoleLogin("r")).read("kv/crm")
    assert vault.visits[0].token == ""
    assert {visit.namespace for visit in vault.visits} == {""}


def test_over_tls_only_a_vault_with_the_right_certificate_gets_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Vault(Clock())
    monkeypatch.setenv("TEST_VAULT_TOKEN", made.token("hvs.first"))
    made.put("kv/crm", 2, token="s3cret-2")
    own, foreign = self_signed(tmp_path / "own"), self_signed(tmp_path / "foreign")
    with standing(made, tls=own):
        for trust in (True, foreign[0]):
            with pytest.raises(SecretUnavailable, match="not trusted"):
                api(made, trust=trust).read("kv/crm")
        with pytest.raises(SecretUnavailable, match="ca_cert"):
            api(made, trust=tmp_path / "nowhere").read("kv/crm")
        assert made.visits == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(foreign[0]))
        for trust in (own[0], False):
            assert api(made, trust=trust).read("kv/crm").values == {"token": "s3cret-2"}
