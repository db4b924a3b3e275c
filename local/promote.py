"""`make promote TO=environment IMAGE=image`: one commit that has an environment run another image of the API."""

import json
import re
import subprocess
import sys

from local.kustomize import OVERLAYS, ROOT, overlays, render, run

NAME = "bookshelf-api"  # What k8s/base calls the image.


def main() -> None:
    """Pin the image for the environment and commit that.

    Raises:
        SystemExit: nothing was changed, and the message says in one line why.
    """
    environment, image = sys.argv[1:]
    known = overlays()
    if not environment or not image:
        raise SystemExit(f"usage: make promote TO={'|'.join(known)} IMAGE=name:tag or name@sha256:digest")
    if environment not in known:
        raise SystemExit(f"bookshelf: no environment {environment}: k8s/overlays has {', '.join(known)}")
    if run("git", "status", "--porcelain"):
        raise SystemExit("bookshelf: there are changes that are not committed: commit or stash them first")
    image = pin(image)

    # kustomize writes this file anew, in its own style and without some comments: it holds nothing else.
    file = OVERLAYS / environment / "image" / "kustomization.yaml"
    if not (ROOT / file).exists():
        raise SystemExit(f"bookshelf: {file} is not there, which holds the environment's image: docs/gitops.md")
    before = render(environment)
    try:
        run("kustomize", "edit", "set", "image", f"{NAME}={image}", folder=ROOT / file.parent)
        after = render(environment)
        if image not in images(after):
            raise SystemExit(f"bookshelf: {environment} would not run {image}: does its kustomization.yaml use image/?")
        if before == after:
            run("git", "restore", file)
            print(f"{environment} runs {image} already.")
            return
        gone = ", ".join(sorted(images(before) - images(after)))
        message = f"Promote {image.split('@')[0]} to {environment}\n\n- {gone}\n+ {image}\n"
        run("git", "commit", "--quiet", "--message", message, "--", file)
    except SystemExit:
        run("git", "restore", "--staged", "--worktree", file)
        raise
    print(run("git", "show", "--stat", "--format=%h %s%n%n%b"), end="")
    print("Not pushed. What is on the branch that Argo CD follows is delivered; git revert takes it back.")


def pin(image: str) -> str:
    """The image with its digest where the registry tells it; else as it is.

    Raises:
        SystemExit: it has no tag, or "latest", or is known not to exist.
    """
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
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
