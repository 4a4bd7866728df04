"""Reading files from strangers within bounds: bytes, and the XML of a score.

An MXL file is a zip with XML inside, and both can be built to harm a reader: a zip that unpacks to
gigabytes, a name that climbs out of the folder, entities that multiply or fetch files. Nothing is
unpacked to disk; the one member that counts is read into memory, bounded, and checked.
"""

import codecs
import io
import os
import re
import stat
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from xml.parsers import expat

MAX_HEADS = 100_000  # what may be written is what may be read back
MAX_MEASURES = 20_000  # of all parts together
MAX_FILE_BYTES = 16 * 2**20
MAX_XML_BYTES = 48 * 2**20
MAX_MEMBERS = 1000
MAX_DEPTH = 40  # MusicXML needs about ten
MARKS = {  # what a file may begin with -> its encoding; UTF-32 before UTF-16
    codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
    b"<\0?\0": "utf-16-le", b"\0<\0?": "utf-16-be",
}  # fmt: skip
TEXT_ENCODINGS = re.compile(r"utf-(8|16|32)(-sig|-[lb]e)?|ascii|iso8859-\d+|cp\d+|koi8-\w|mac-\w+|"
                            r"shift_jis|euc_\w+|gb\w+|big5\w*")  # fmt: skip
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)
MEDIA_TYPES = ("", "application/vnd.recordare.musicxml+xml", "application/vnd.recordare.musicxml")


def read_musicxml(path):
    """Read the MusicXML text of a score, after making sure that it is safe to parse.

    Args:
        path: a `.mxl`, `.musicxml` or `.xml` file.

    Returns:
        bytes: MusicXML in UTF-8, score-partwise, well-formed and without entities.

    Raises:
        ValueError: one plain reason why the score must not or cannot be read.

    Introduced in lesson 02.
    """
    data = read_regular_file(path, MAX_FILE_BYTES)
    if not data:
        raise ValueError("it is empty (zero bytes); export it again")
    data = _to_utf8(_unzip(data) if data[:2] == b"PK" else data)
    _check_score(data)
    return data


def _to_utf8(data):
    """Recode XML by its byte order mark or its declaration, which is dropped if not UTF-8."""
    declared = re.match(rb"\s*<\?xml[^>]{0,99}encoding\s*=\s*[\"']([\w.:-]{1,40})[\"']", data)
    name = declared[1].decode().lower() if declared else "utf-8"
    name = next((mark for start, mark in MARKS.items() if data.startswith(start)), name)
    try:
        if not TEXT_ENCODINGS.fullmatch(codecs.lookup(name).name):
            raise LookupError(name)
        text = data.decode(name)
    except LookupError:
        raise ValueError(f"its encoding {name!r} is unknown; save it as UTF-8") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"it is not written in {name}, as it says (byte {error.start:,}); save it as UTF-8"
        ) from None
    if name == "utf-8":
        return data
    return re.sub(r"^\s*<\?xml.*?\?>", "", text, count=1, flags=re.DOTALL).encode()


def _unzip(data):
    """Return the member that the container names."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise ValueError(f"its zip has {len(members):,} members, more than {MAX_MEMBERS:,}")
            for member in members:
                _check_name(member.filename)
            return _read_member(archive, _root_file(archive), MAX_XML_BYTES)
    except ZIP_ERRORS as error:
        raise ValueError(f"its zip is damaged or locked ({error}); export it again") from None


def _check_name(name):
    """Refuse a name that would leave the folder it is unpacked into."""
    name = name.replace("\\", "/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
        raise ValueError(f"its zip has a member {name[:60]!r} that climbs out of its folder")


def _read_member(archive, name, limit):
    """Read one member of a zip, never more than the limit, whatever its header promises."""
    # The other methods, bzip2 and LZMA, unpack far more at once than was asked for.
    if archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("its zip is not compressed by the usual method, deflate; export it again")
    with archive.open(name) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"its member {name!r} unpacks to more than {limit:,} bytes (a zip bomb?)")
    return data


def _root_file(archive):
    """Return the name of the score in META-INF/container.xml: the first MusicXML root file."""
    names = set(archive.namelist())
    if "META-INF/container.xml" not in names:
        raise ValueError("its zip has no META-INF/container.xml, so it is not MXL; export it again")
    roots = []

    def start(tag, attributes):
        is_score = attributes.get("media-type", "") in MEDIA_TYPES
        if tag.split(":")[-1] == "rootfile" and is_score:
            roots.append(attributes.get("full-path", ""))

    _parse(_read_member(archive, "META-INF/container.xml", 2**16), start, "its container")
    root = roots[0] if roots else ""
    if root not in names:
        raise ValueError(f"its container names a score that is not in the zip ({root[:60]!r}); "
                         "export it again")  # fmt: skip
    return root


def _check_score(data):
    """Check MusicXML in one pass: its root, its depth, and how much it holds."""
    if len(data) > MAX_XML_BYTES:
        raise ValueError(f"it has {len(data):,} bytes of XML, more than {MAX_XML_BYTES:,}")
    counts = Counter()

    def start(tag, attributes):
        if not counts and tag == "score-timewise":
            raise ValueError("it is score-timewise MusicXML; export it as partwise")
        if not counts and tag != "score-partwise":
            raise ValueError(f"it is not MusicXML: its root is <{tag[:40]}>, not <score-partwise>")
        if not counts or tag in ("note", "measure"):  # not all tags: there may be millions
            counts[tag] += 1
        if counts["note"] > MAX_HEADS or counts["measure"] > MAX_MEASURES:
            raise ValueError(f"it has more than {MAX_HEADS:,} notes or {MAX_MEASURES:,} measures")

    _parse(data, start, "its XML")


def _parse(data, start, what):
    """Parse XML and call `start(tag, attributes)` for each element; refuse entities and depth."""
    depth = 0

    def open_element(tag, attributes):
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"{what} is nested deeper than {MAX_DEPTH} elements; leave it out")
        start(tag, attributes)

    def close_element(tag):
        nonlocal depth
        depth -= 1

    def entity(*declaration):
        raise ValueError(f"{what} declares the entity {declaration[0]!r}, which scores do not need")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = open_element, close_element
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError(f"{what} is not well-formed ({error}); export it again") from None


def read_regular_file(path, max_bytes):
    """Read a file's bytes, but never wait on a pipe, follow a loop of links or fill the memory.

    Raises:
        ValueError: one plain reason.
    """
    try:
        facts = os.stat(path)
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError("it is a folder or a device, not a file; move it elsewhere")
        if facts.st_size > max_bytes:
            raise ValueError(f"it has {facts.st_size:,} bytes, more than the {max_bytes:,} allowed")
        return Path(path).read_bytes()
    except OSError as error:
        message = f"it cannot be read: {error.strerror}; check the link or its rights"
        raise ValueError(message) from None
