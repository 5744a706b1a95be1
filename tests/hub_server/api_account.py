"""Account routes: who am I, check a card's YAML, and create, delete, move repositories."""

from __future__ import annotations

import re
import shutil

import yaml

from tests.hub_server.access import caller, not_found, required_caller
from tests.hub_server.refusals import RefusalError
from tests.hub_server.repos import KINDS, Kind, Repo
from tests.hub_server.wire import Request, route


def front_matter(text: str) -> object:
    """The parsed YAML header of a card; None when there is none.

    Raises:
        yaml.YAMLError: If it does not parse.
    """
    match = re.match(r"^---\r?\n(.*?)\r?\n---", text, re.DOTALL)
    return yaml.safe_load(match[1]) if match else None


def whoami(rq: Request) -> None:
    """GET /api/whoami-v2."""
    account = required_caller(rq)
    orgs = [{"type": "org", "name": name, "roleInOrg": "write"} for name in account.orgs]
    rq.reply(
        {
            "type": "user",
            "id": account.name,
            "name": account.name,
            "fullname": account.name.title(),
            "isPro": False,
            "orgs": orgs,
            "auth": {
                "type": "access_token",
                "accessToken": {"displayName": "test", "role": account.role},
            },
        }
    )


def validate_yaml(rq: Request) -> None:
    """POST /api/validate-yaml: asked before every commit that holds a README.md."""
    caller(rq)
    errors: list[dict[str, str]] = []
    warnings: list[dict[str, str]] = []
    try:
        metadata = front_matter(rq.json()["content"])
    except yaml.YAMLError as error:
        errors.append({"message": str(error)})
    else:
        if metadata is None:
            warnings.append({"message": "empty or missing yaml metadata in repo card"})
        elif not isinstance(metadata, dict):
            errors.append({"message": "metadata is not a mapping"})
    rq.reply({"errors": errors, "warnings": warnings}, status=400 if errors else 200)


def create_repo(rq: Request) -> None:
    """POST /api/repos/create."""
    repo, wanted = _named_repo(rq)
    url = f"{rq.state.hub_url}/{repo.url_path}"
    with rq.state.store.lock:
        if repo.exists:
            message = f"You already created this {repo.kind[:-1]} repo"
            raise RefusalError(409, message, body={"error": message, "url": url})
        private = wanted.get("visibility") == "private"
        author = required_caller(rq).name
        repo = rq.state.store.create(repo.kind, repo.id, private=private, author=author)
    rq.reply({"url": url, "name": repo.id, "id": repo.meta["oid"]})


def delete_repo(rq: Request) -> None:
    """DELETE /api/repos/delete."""
    repo, _ = _named_repo(rq)
    with rq.state.store.lock:
        if not repo.exists:
            raise not_found(caller(rq))
        shutil.rmtree(repo.dir)
    rq.reply("OK")


def move_repo(rq: Request) -> None:
    """POST /api/repos/move."""
    account, wanted, store = required_caller(rq), rq.json(), rq.state.store
    kind, old_id, new_id = _kind(wanted), str(wanted["fromRepo"]), str(wanted["toRepo"])
    with store.lock:
        repo = store.find(kind, old_id)
        if repo is None:
            raise not_found(account)
        if not (account.may_write(old_id) and account.may_write(new_id)):
            raise RefusalError(403, "You don't have the rights to move this repo")
        if Repo(store, kind, new_id).exists:
            raise RefusalError(409, f"{new_id} already exists")
        moved = store.move(repo, new_id)
    rq.reply({"url": f"{rq.state.hub_url}/{moved.url_path}"})


def _kind(wanted: dict[str, object]) -> Kind:
    for kind in KINDS:
        if kind == f"{wanted.get('type') or 'model'}s":
            return kind
    raise RefusalError(400, f"unknown repo type: {wanted['type']}")


def _named_repo(rq: Request) -> tuple[Repo, dict[str, object]]:
    """The repository that the body names, whether it exists or not, in the caller's reach."""
    account, wanted = required_caller(rq), rq.json()
    repo_id = f"{wanted.get('organization') or account.name}/{wanted['name']}"
    if not account.may_write(repo_id):
        raise RefusalError(403, f"You don't have the rights to write under {repo_id.split('/')[0]}")
    return Repo(rq.state.store, _kind(wanted), repo_id), wanted


ROUTES = (
    route("GET", "/api/whoami-v2", whoami),
    route("POST", "/api/validate-yaml", validate_yaml),
    route("POST", "/api/repos/create", create_repo),
    route("DELETE", "/api/repos/delete", delete_repo),
    route("POST", "/api/repos/move", move_repo),
)
