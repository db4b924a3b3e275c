"""A private image registry on 127.0.0.1 with one image: as much of OCI's Distribution Specification as a pull needs."""

import base64
import contextlib
import hashlib
import json
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

USER, PASSWORD = "puller", "correct-horse"


def blobs_of(archive: Path) -> tuple[bytes, dict[str, bytes]]:
    """The manifest of the image that `docker save` wrote, and all that it refers to by digest."""
    blobs = {}

    def add(media_type: str, content: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        blobs[digest] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    with tarfile.open(archive) as saved:

        def read(name: str) -> bytes:
            file = saved.extractfile(name)
            assert file
            return file.read()

        [image] = json.loads(read("manifest.json"))
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": add("application/vnd.oci.image.config.v1+json", read(image["Config"])),
            "layers": [add("application/vnd.oci.image.layer.v1.tar", read(layer)) for layer in image["Layers"]],
        }
    content = json.dumps(manifest).encode()
    add(str(manifest["mediaType"]), content)
    return content, blobs


@contextlib.contextmanager
def registry(archive: Path) -> Iterator[str]:
    """Serve the image of `archive` under any name to those who know the password; gives the registry's address."""
    manifest, blobs = blobs_of(archive)
    login = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            *_, kind, reference = self.path.split("?")[0].split("/")
            if self.headers.get("Authorization") != login:
                self.answer(401, b"", "text/plain")
            elif kind == "manifests":
                content = blobs.get(reference, manifest)
                self.answer(200, content, "application/vnd.oci.image.manifest.v1+json")
            elif kind == "blobs" and reference in blobs:
                self.answer(200, blobs[reference], "application/octet-stream")
            else:
                self.answer(404, b"", "text/plain")

        do_HEAD = do_GET  # noqa: N815 - http.server's name.

        def answer(self, status: int, content: bytes, media_type: str) -> None:
            self.send_response(status)
            self.send_header("WWW-Authenticate", 'Basic realm="registry"')
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(content).hexdigest()}")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
