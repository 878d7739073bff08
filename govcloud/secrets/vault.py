"""HashiCorp Vault and OpenBao by their HTTP API: KV version 2, with a token or as an AppRole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..references import Reference, VaultSettings
from .resolving import Unresolved

Fetch = Callable[[Reference], bytes]


def read(settings: VaultSettings, reference: Reference, root: Path, fetch: Fetch, timeout: float) -> bytes:
    """One key of one secret. ``fetch`` brings the token or the secret id. Raises ``Unresolved``."""
    import requests
    from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, VaultDown, VaultError

    what = reference.words()
    try:
        client = _client(settings, root, timeout)
        try:
            _log_in(client, settings, fetch)
            answer = client.secrets.kv.v2.read_secret_version(
                path=reference.path,
                mount_point=reference.mount,
                version=reference.version or None,
                raise_on_deleted_version=True,
            )
            return _value(answer["data"]["data"], reference)
        finally:
            if settings.token is None:
                _log_out(client)
            client.adapter.close()
    except InvalidPath:
        raise Unresolved(f"{what}: the vault has no such secret, or that version was deleted") from None
    except Forbidden:
        raise Unresolved(
            f"{what}: the vault does not let us in", hint="a new token, or a policy that may read this path"
        ) from None
    except InvalidRequest as error:
        raise Unresolved(f"{what}: {_words(error)}") from None
    except VaultDown:
        raise Unresolved(f"{what}: the vault is sealed or not ready", hint="unseal it, then again") from None
    except VaultError as error:
        raise Unresolved(f"{what}: {_words(error)}") from None
    except requests.exceptions.SSLError:
        raise Unresolved(
            f"{what}: the certificate of {settings.address} is not one that we trust",
            hint="`secrets.vault.ca` names the file of the authority that signed it",
        ) from None
    except requests.exceptions.Timeout:
        raise Unresolved(
            f"{what}: {settings.address} did not answer within {timeout:g} s",
            hint="`vault_timeout_s` of profile/secrets gives it longer",
        ) from None
    except (requests.exceptions.RequestException, OSError) as error:
        reason = "no connection" if isinstance(error, requests.exceptions.ConnectionError) else str(error)
        raise Unresolved(f"{what}: {settings.address}: {reason}") from None
    except (KeyError, TypeError, ValueError):
        raise Unresolved(
            f"{what}: {settings.address} did not answer as a KV engine of version 2 does",
            hint="is it mounted there, and of version 2?",
        ) from None


def _client(settings: VaultSettings, root: Path, timeout: float) -> Any:
    import hvac
    import requests

    session = requests.Session()
    # Neither proxies nor passwords nor authorities from the environment: what is said is what is used.
    session.trust_env = False
    # hvac leaves a session that it is given as it is.
    session.verify = str(root / Path(settings.ca).expanduser()) if settings.ca else True
    client = hvac.Client(
        url=settings.address,
        namespace=settings.namespace or None,
        verify=session.verify,
        timeout=timeout,
        session=session,
        allow_redirects=False,
    )
    # hvac would take one from the environment or the home folder.
    client.token = None
    return client


def _log_in(client: Any, settings: VaultSettings, fetch: Fetch) -> None:
    if settings.token is not None:
        client.token = fetch(settings.token).decode().strip()
        return
    assert settings.secret_id is not None
    secret_id = fetch(settings.secret_id).decode().strip()
    client.auth.approle.login(role_id=settings.role, secret_id=secret_id, mount_point=settings.login)


def _log_out(client: Any) -> None:
    """Give back the token of this one login; where it cannot be given back it ends by itself."""
    import requests
    from hvac.exceptions import VaultError

    if client.token:
        try:
            client.auth.token.revoke_self()
        except (VaultError, requests.exceptions.RequestException):
            client.token = None


def _value(data: dict[str, Any], reference: Reference) -> bytes:
    if reference.key not in data:
        names = ", ".join(sorted(data)[:6]) or "nothing"
        raise Unresolved(f"{reference.words()}: the secret has no such key; it has {names}")
    value = data[reference.key]
    if not isinstance(value, str):
        raise Unresolved(f"{reference.words()}: it is not a text")
    return value.encode()


def _words(error: Exception) -> str:
    words = [str(one) for one in getattr(error, "errors", None) or []]
    return "; ".join(words) or str(error).partition(", on ")[0] or type(error).__name__
