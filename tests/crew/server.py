"""A server to try a crew with: says which process it is to whoever connects to the shared port."""

import os
import signal
import socket
import sys
from typing import TextIO


def main(port: int, behaviour: str) -> None:
    if behaviour == "broken":
        sys.exit("the settings are wrong")
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, lambda *_: say(sys.stderr, "reloaded"))
    with socket.create_server(("127.0.0.1", port), reuse_port=True) as listening:
        say(sys.stdout, f"attune is ready on 127.0.0.1:{port}")
        while True:
            calling, _ = listening.accept()
            with calling:
                calling.sendall(str(os.getpid()).encode())


def say(stream: TextIO, words: str) -> None:
    stream.write(words + "\n")
    stream.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
