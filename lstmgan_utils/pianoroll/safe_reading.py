"""Reading files from strangers within bounds: bytes, and the XML of a score.

MXL is a zip with XML inside. Both can be built to harm a reader: gigabytes of zeros, names that
climb out of the folder, entities that multiply or fetch files. Nothing is unpacked to disk.
"""

import io
import os
import re
import stat
import xml.etree.ElementTree as ElementTree
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
CLIMBS = re.compile(r"[/\\]|[A-Za-z]:|(.*[/\\])?\.\.([/\\]|$)")  # out of the folder it is put into
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)
MEDIA_TYPES = ("", "application/vnd.recordare.musicxml+xml", "application/vnd.recordare.musicxml")


def read_musicxml(path):
    """Read a `.mxl`, `.musicxml` or `.xml` file that is safe to parse: bytes, MusicXML in UTF-8.

    It is score-partwise, well-formed and without entities; otherwise a ValueError gives one plain
    reason why the score must not or cannot be read. Introduced in lesson 02.
    """
    data = read_regular_file(path, MAX_FILE_BYTES)
    if data[:2] == b"PK":
        data = _unzip(data)
    _check_score(data)
    return ElementTree.tostring(ElementTree.fromstring(data), encoding="utf-8")


def _unzip(data):
    """Return the score that the container of an MXL names: the first MusicXML root file."""
    roots = []

    def start(tag, attributes):
        if tag.split(":")[-1] == "rootfile" and attributes.get("media-type", "") in MEDIA_TYPES:
            roots.append(attributes.get("full-path", ""))

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if len(names) > MAX_MEMBERS:
                raise ValueError(f"its zip has {len(names):,} members, more than {MAX_MEMBERS:,}")
            if bad := list(filter(CLIMBS.match, names)):
                raise ValueError(f"its zip's member {bad[0][:60]!r} climbs out of its folder")
            _parse(read_member(archive, "META-INF/container.xml", 2**16), start, "its container")
            return read_member(archive, roots[0] if roots else "score", MAX_XML_BYTES)
    except ZIP_ERRORS as error:
        raise ValueError(f"its zip is damaged or locked ({error}); export it again") from None


def read_member(archive, name, limit):
    """Read one member of a ZipFile: bytes, never more than the limit, whatever its header says."""
    if name not in archive.namelist():
        raise ValueError(f"its zip has no {name[:60]}, so it is not MXL; export it again")
    # The other methods, bzip2 and LZMA, unpack far more at once than was asked for.
    if archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("its zip is not compressed by the usual method, deflate; export it again")
    data = archive.open(name).read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"its member {name!r} unpacks to more than {limit:,} bytes (a zip bomb?)")
    return data


def _check_score(data):
    """Check MusicXML in one pass: its root, its depth, and how much it holds."""
    if len(data) > MAX_XML_BYTES:
        raise ValueError(f"it has {len(data):,} bytes of XML, more than {MAX_XML_BYTES:,}")
    counts = Counter()

    def start(tag, _):
        if not counts and tag != "score-partwise":
            root = f"its root is <{tag[:40]}>, not <score-partwise>"
            raise ValueError(f"it is not MusicXML: {root}; export it as partwise MusicXML")
        if not counts or tag in ("note", "measure"):  # not all tags: there may be millions
            counts[tag] += 1
        if counts["note"] > MAX_HEADS or counts["measure"] > MAX_MEASURES:
            raise ValueError(f"it has more than {MAX_HEADS:,} notes or {MAX_MEASURES:,} measures")

    _parse(data, start, "its XML")


def _parse(data, start, what):
    """Call `start(tag, attributes)` for each element of XML; refuse entities and depth."""
    tags = []

    def open_element(tag, attributes):
        tags.append(tag)
        if len(tags) > MAX_DEPTH:
            raise ValueError(f"{what} is nested deeper than {MAX_DEPTH} elements; leave it out")
        start(tag, attributes)

    def declare_entity(name, *_):
        raise ValueError(f"{what} declares the entity {name!r}, which scores do not need")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = open_element, lambda _: tags.pop()
    parser.EntityDeclHandler = declare_entity
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError) as error:  # LookupError: an unknown encoding
        raise ValueError(f"{what} cannot be parsed ({error}); export it again as UTF-8") from None


def read_regular_file(path, max_bytes):
    """Read a file's bytes, but never wait on a pipe, follow a loop of links or fill the memory."""
    try:
        facts = os.stat(path)
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError("it is a folder or a device, not a file; move it elsewhere")
        if facts.st_size > max_bytes:
            raise ValueError(f"it has {facts.st_size:,} bytes, more than the {max_bytes:,} allowed")
        return Path(path).read_bytes()
    except OSError as error:
        reason = f"it cannot be read: {error.strerror}; check the link or its rights"
        raise ValueError(reason) from None
