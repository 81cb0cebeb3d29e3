"""The Autobahn test suite's fuzzing client on Python 3, for which it was not written.

Takes the place of `wstest --mode fuzzingclient --spec FILE`. `python wstest.py install` turns the
installed package to Python 3 once, with lib2to3's successor. What is left is that its cases hold
bytes in text strings: here each character of theirs is one byte, on the way out and in. Of its
reports only index.json is written, which has the verdicts.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path


def install():
    """Turns the suite and its cases to Python 3, in place."""
    folder = Path(importlib.util.find_spec("autobahntestsuite").origin).parent
    if (folder / ".python3").exists():
        return
    files = [folder / "caseset.py", folder / "fuzzing.py", folder / "report.py", *folder.glob("case/*.py")]
    subprocess.run([sys.executable, "-m", "fissix", "-w", "-n", *map(str, files)],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for file in files:
        text = file.read_text()
        text = re.sub(r"(len\(\S+\)) / ", r"\1 // ", text)
        text = re.sub(r"[^\x00-\x7f]", escaped, text)
        file.write_text(text.replace("(object, Case", "(Case"))
    # The package's own beginning starts every mode there is.
    (folder / "__init__.py").write_text("from ._version import __version__\nversion = __version__\n")
    (folder / ".python3").touch()


def escaped(character):
    return "".join(f"\\x{byte:02x}" for byte in character[0].encode())


def to_bytes(text):
    return text.encode("latin-1") if isinstance(text, str) else text


def to_text(data):
    return data.decode("latin-1") if isinstance(data, (bytes, bytearray)) else data


def adapt():
    """Puts the translation between the cases and the protocol underneath."""
    import binascii

    import zope.interface
    from autobahn.websocket.utf8validator import Utf8Validator
    from autobahn.websocket.protocol import WebSocketProtocol

    zope.interface.implements = lambda *interfaces: None
    hex_of = binascii.b2a_hex
    binascii.b2a_hex = lambda data: to_text(hex_of(to_bytes(data)))
    validate = Utf8Validator.validate
    Utf8Validator.validate = lambda self, data: validate(self, to_bytes(data))

    from autobahntestsuite import fuzzing
    from autobahntestsuite.case import Case

    Case.compare = lambda self, one, other: one == other

    send_frame = WebSocketProtocol.sendFrame
    send_message = WebSocketProtocol.sendMessage
    send_frame_data = WebSocketProtocol.sendMessageFrameData
    send_close_frame = WebSocketProtocol.sendCloseFrame

    def frame(self, opcode, payload=b"", payload_len=None, **more):
        payload = to_bytes(payload)
        if payload_len is not None:
            payload = (payload * (payload_len // len(payload) + 1))[:payload_len]
        send_frame(self, opcode, payload, **more)

    def message(self, payload, *args, **more):
        send_message(self, to_bytes(payload), *args, **more)

    def frame_data(self, payload, *args, **more):
        send_frame_data(self, to_bytes(payload), *args, **more)

    def close_frame(self, code=None, reasonUtf8=None, isReply=False):
        send_close_frame(self, code, to_bytes(reasonUtf8), isReply)

    protocol = fuzzing.FuzzingClientProtocol
    protocol.sendFrame = frame
    protocol.sendMessage = message
    protocol.sendMessageFrameData = frame_data
    protocol.sendCloseFrame = close_frame

    common = fuzzing.FuzzingProtocol
    on_message, on_pong = common.onMessage, common.onPong
    common.onMessage = lambda self, data, binary: on_message(self, to_text(data), binary)
    common.onPong = lambda self, data: on_pong(self, to_text(data))
    common.logRxOctets = common.logTxOctets = lambda self, *args: None
    common.logRxFrame = lambda self, *args: None

    def log_sent(self, header, *args):
        # One case counts them.
        self.txFrameStats[header.opcode] = self.txFrameStats.get(header.opcode, 0) + 1

    common.logTxFrame = log_sent

    def reports(self):
        os.makedirs(self.outdir, exist_ok=True)
        self.createMasterReportJSON(self.outdir)

    fuzzing.FuzzingFactory.createReports = reports
    return fuzzing


def main(arguments):
    if arguments == ["install"]:
        return install()
    if arguments == ["--version"]:
        return print(adapt().autobahntestsuite.version)
    if len(arguments) != 4 or arguments[:3] != ["--mode", "fuzzingclient", "--spec"]:
        sys.exit("usage: wstest.py install | --version | --mode fuzzingclient --spec FILE")
    warnings.simplefilter("ignore")
    spec = json.loads(Path(arguments[3]).read_text())
    fuzzing = adapt()
    from twisted.internet import reactor

    fuzzing.startClient(spec)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1:])
