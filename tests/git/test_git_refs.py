"""The visible commits of deployments."""

from __future__ import annotations

from datetime import timedelta

import pytest
from git_clones import ADA, WHEN, Clone
from pygit2.enums import ObjectType

from cronicle.git.errors import GitError
from cronicle.git.refs import deployment_ref, read_deployment_ref, write_deployment_ref


def deploy(clone: Clone, revision: str, previous: str | None, environment: str = "production") -> str:
    return write_deployment_ref(
        clone.repository,
        "shop",
        environment,
        revision,
        previous,
        ADA,
        WHEN + timedelta(hours=1),
        "Deploy shop to production",
        {"Cronicle-Deployment": "d1", "Cronicle-Values": "sha256:ab\nEvil: yes"},
    )


def test_deployments_are_a_chain_that_git_log_shows(clone: Clone) -> None:
    old = clone.commit({"a": "1"})
    new = clone.commit({"a": "2"})

    first = deploy(clone, old, None)
    second = deploy(clone, new, first)

    assert read_deployment_ref(clone.repository, "shop", "production") == second
    assert clone.repository.commit_info(first).parents == (old,)
    assert clone.repository.commit_info(second).parents == (first, new)
    assert clone.repository.changed_paths(second, new) == ()
    commit = clone.git[second].peel(ObjectType.COMMIT)
    assert commit.message == (
        "Deploy shop to production\n\nCronicle-Deployment: d1\nCronicle-Values: sha256:ab Evil: yes\n"
    )
    assert (commit.committer.name, commit.commit_time) == ("Ada", int(WHEN.timestamp()) + 3600)


def test_without_trailers_the_message_is_the_message(clone: Clone) -> None:
    revision = clone.commit({"a": "1"})

    commit = write_deployment_ref(
        clone.repository, "shop", "local", revision, None, ADA, WHEN, "Deploy\n\nBody\n", {}
    )

    assert clone.git[commit].peel(ObjectType.COMMIT).message == "Deploy\n\nBody\n"


def test_environments_have_refs_of_their_own(clone: Clone) -> None:
    revision = clone.commit({"a": "1"})

    commit = deploy(clone, revision, None, "staging")

    assert read_deployment_ref(clone.repository, "shop", "production") is None
    assert str(clone.git.references[deployment_ref("shop", "staging")].target) == commit
    assert clone.repository.head() == revision


@pytest.mark.parametrize("seen", ["none", "older"])
def test_a_ref_that_moved_meanwhile_is_left_as_it_is(clone: Clone, seen: str) -> None:
    revision = clone.commit({"a": "1"})
    first = deploy(clone, revision, None)
    second = deploy(clone, revision, first)

    with pytest.raises(GitError, match="refs/cronicle/deployments/shop/production"):
        deploy(clone, revision, None if seen == "none" else first)

    assert read_deployment_ref(clone.repository, "shop", "production") == second


def test_a_ref_that_is_gone_is_an_error_for_who_had_seen_it_and_can_be_written_again(clone: Clone) -> None:
    revision = clone.commit({"a": "1"})
    first = deploy(clone, revision, None)
    clone.git.references.delete(deployment_ref("shop", "production"))

    with pytest.raises(GitError, match="could not be shown"):
        deploy(clone, revision, first)
    again = deploy(clone, revision, None)

    assert read_deployment_ref(clone.repository, "shop", "production") == again


def test_a_ref_in_the_way_is_an_error_and_not_a_traceback(clone: Clone) -> None:
    revision = clone.commit({"a": "1"})
    clone.git.create_reference("refs/cronicle/deployments/shop", revision)

    with pytest.raises(GitError, match="could not be shown") as caught:
        deploy(clone, revision, None)

    assert "deployment itself stands" in caught.value.remedy


def test_a_damaged_ref_is_an_error_with_the_command_that_removes_it(clone: Clone) -> None:
    clone.commit({"a": "1"})
    file = clone.path / ".git" / deployment_ref("shop", "production")
    file.parent.mkdir(parents=True)
    file.write_text("garbage\n")

    with pytest.raises(GitError) as caught:
        read_deployment_ref(clone.repository, "shop", "production")

    assert "git update-ref -d" in caught.value.remedy


def test_a_revision_that_only_the_mirror_has_cannot_be_shown(clone: Clone) -> None:
    clone.commit({"a": "1"})

    with pytest.raises(GitError):
        deploy(clone, "f" * 40, None)
