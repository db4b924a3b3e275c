"""`make promote TO=environment IMAGE=images`: one commit that has an environment run other images."""

import json
import re
import subprocess
import sys

from local.kustomize import OVERLAYS, ROOT, overlays, render, run

NAMES = ("bookshelf-api", "bookshelf-web")  # What k8s/base calls the images.


def main() -> None:
    """Pin the images for the environment and commit that.

    Raises:
        SystemExit: nothing was changed, and the message says in one line why.
    """
    environment, given = sys.argv[1:]
    known = overlays()
    if not environment or not given.strip():
        raise SystemExit(f"usage: make promote TO={'|'.join(known)} IMAGE=name:tag or name@sha256:digest, or several")
    if environment not in known:
        raise SystemExit(f"bookshelf: no environment {environment}: k8s/overlays has {', '.join(known)}")
    if run("git", "status", "--porcelain"):
        raise SystemExit("bookshelf: there are changes that are not committed: commit or stash them first")
    pins = pin_all(given.split())

    # kustomize writes this file anew, in its own style and without some comments: it holds nothing else.
    file = OVERLAYS / environment / "image" / "kustomization.yaml"
    if not (ROOT / file).exists():
        raise SystemExit(f"bookshelf: {file} is not there, which holds the environment's images: docs/gitops.md")
    before = render(environment)
    try:
        edits = [f"{name}={image}" for name, image in pins.items()]
        run("kustomize", "edit", "set", "image", *edits, folder=ROOT / file.parent)
        after = render(environment)
        if missing := " and ".join(sorted(set(pins.values()) - images(after))):
            raise SystemExit(
                f"bookshelf: {environment} would not run {missing}: does its kustomization.yaml use image/?"
            )
        if before == after:
            run("git", "restore", file)
            print(f"{environment} runs {' and '.join(pins.values())} already.")
            return
        gone, come = sorted(images(before) - images(after)), sorted(images(after) - images(before))
        subject = f"Promote {' and '.join(map(last_part, come))} to {environment}"
        changes = [*(f"- {image}" for image in gone), *(f"+ {image}" for image in come)]
        run("git", "commit", "--quiet", "--message", "\n".join([subject, "", *changes]), "--", file)
    except SystemExit:
        run("git", "restore", "--staged", "--worktree", file)
        raise
    print(run("git", "show", "--stat", "--format=%h %s%n%n%b"), end="")
    print("Not pushed. What is on the branch that Argo CD follows is delivered; git revert takes it back.")


def pin_all(given: list[str]) -> dict[str, str]:
    """The images, pinned, by what k8s/base calls them.

    Raises:
        SystemExit: one is of another name or comes twice, or can't be pinned.
    """
    named: dict[str, str] = {}
    for image in given:
        name = last_part(image).partition(":")[0]
        if name not in NAMES:
            raise SystemExit(f"bookshelf: the last part of the name of {image} has to be {' or '.join(NAMES)}")
        if name in named:
            raise SystemExit(f"bookshelf: {named[name]} and {image} are both {name}: give one of them")
        named[name] = image
    return {name: pin(image) for name, image in named.items()}


def last_part(image: str) -> str:
    """The image's name and tag, without its registry, path and digest."""
    return image.partition("@")[0].rpartition("/")[2]


def pin(image: str) -> str:
    """The image with its digest where the registry tells it; else as it is.

    Raises:
        SystemExit: it has no tag, or "latest", or is known not to exist.
    """
    digest = image.partition("@")[2]
    tag = last_part(image).partition(":")[2]
    if digest:
        if not re.fullmatch("sha256:[0-9a-f]{64}", digest):
            raise SystemExit(f"bookshelf: {digest} is no digest: sha256: and 64 hexadecimal digits")
    elif tag in ("", "latest"):
        raise SystemExit(f"bookshelf: {image} means another image tomorrow: give a tag other than latest, or a digest")
    found, said = ask("buildx", "imagetools", "inspect", "--format", "{{json .Manifest}}", image)
    if found:
        return image if digest else f"{image}@{json.loads(said)['digest']}"
    if ask("image", "inspect", image)[0]:
        print(f"Only Docker here knows {image}: load it into the cluster, or push it.", file=sys.stderr)
    elif said.endswith(": not found"):
        raise SystemExit(f"bookshelf: {image} is neither in its registry nor in Docker here")
    else:
        print(f"Can't tell whether {image} exists: {said}", file=sys.stderr)
    return image


def ask(*arguments: str) -> tuple[bool, str]:
    """Whether docker succeeded, and what it printed, or the last line of its complaint."""
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        return False, "docker is not installed"
    except subprocess.TimeoutExpired:
        return False, "no answer in a minute"
    if done.returncode:
        return False, (done.stderr.strip().splitlines() or ["docker says nothing"])[-1]
    return True, done.stdout


def images(rendered: str) -> set[str]:
    """The images in rendered manifests."""
    return set(re.findall(r"^[ -]*image: (\S+)$", rendered, re.MULTILINE))


if __name__ == "__main__":
    main()
