"""Who is asking, and whether the repository lets them."""

from __future__ import annotations

from typing import cast

from tests.hub_server.accounts import Account
from tests.hub_server.refusals import RefusalError
from tests.hub_server.repos import Kind, Repo
from tests.hub_server.wire import Request

_LOGIN = "Invalid username or password."


def caller(rq: Request) -> Account | None:
    """The account whose token came along; None for an anonymous request.

    Raises:
        RefusalError: 401, if the token is unknown.
    """
    authorization = rq.headers.get("Authorization")
    if not authorization:
        return None
    account = rq.state.settings.accounts.get(authorization.removeprefix("Bearer ").strip())
    if account is None:
        raise RefusalError(401, "Invalid credentials in Authorization header")
    return account


def required_caller(rq: Request) -> Account:
    """The account of the caller; anonymous callers are refused with 401."""
    account = caller(rq)
    if account is None:
        raise RefusalError(401, _LOGIN)
    return account


def not_found(account: Account | None) -> RefusalError:
    """The refusal for a repository that is absent or hidden: the two look the same."""
    if account is None:
        return RefusalError(401, _LOGIN, code="RepoNotFound")
    return RefusalError(404, "Repository not found", code="RepoNotFound")


def visible_repo(rq: Request) -> Repo:
    """The repository that the path names, if the caller may know of it."""
    account = caller(rq)
    kind = cast(Kind, rq.params.get("kind", "models"))
    repo = rq.state.store.find(kind, f"{rq.params['namespace']}/{rq.params['name']}")
    if repo is None:
        raise not_found(account)
    if repo.meta["private"] and not (account and account.member_of(repo.namespace)):
        raise not_found(account)
    return repo


def readable_repo(rq: Request) -> Repo:
    """The repository that the path names, if the caller may read its files."""
    repo, account = visible_repo(rq), caller(rq)
    meta = repo.meta
    if not meta["gated"] or (account and account.member_of(repo.namespace)):
        return repo
    if account is None:
        raise RefusalError(401, f"Access to {repo.id} is restricted", code="GatedRepo")
    if account.name not in meta["granted"]:
        raise RefusalError(403, f"Access to {repo.id} is restricted", code="GatedRepo")
    return repo


def writable_repo(rq: Request) -> Repo:
    """The repository that the path names, if the caller may change it."""
    repo = visible_repo(rq)
    if not required_caller(rq).may_write(repo.id):
        raise RefusalError(403, f"You don't have the rights to push to {repo.id}")
    return repo


def committable_repo(rq: Request) -> Repo:
    """The repository that the path names, if the caller may commit to the revision named.

    Members write everywhere; others open pull requests and write to their own.
    """
    repo, account = visible_repo(rq), required_caller(rq)
    if account.role == "write" and rq.flag("create_pr"):
        return repo
    prefix, _, number = rq.params["revision"].rpartition("/")
    if account.role == "write" and prefix == "refs/pr":
        for discussion in repo.meta["discussions"]:
            if str(discussion["num"]) == number and discussion["author"] == account.name:
                return repo
    return writable_repo(rq)
