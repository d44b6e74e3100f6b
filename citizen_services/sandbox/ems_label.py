"""A parcel's label as PDF: one page with the number and both addresses, in the reader's own Chinese font."""

from __future__ import annotations

from typing import Any

#: Label types of 010004 and their size in millimetres.
SIZES = {"129": (76, 129), "149": (100, 149), "179": (100, 179)}
_POINTS = 72 / 25.4


def _hex(text: str) -> bytes:
    return b"<" + text.encode("utf-16-be", "replace").hex().encode() + b">"


def _lines(parcel: dict[str, Any]) -> list[tuple[int, str]]:
    lines = [(16, "中国邮政 EMS"), (18, parcel["waybillNo"]), (9, "联调演示面单，不可投递")]
    for title, party in (("收", parcel["receiver"]), ("寄", parcel["sender"])):
        address = f"{party['prov']}{party['city']}{party['county']}{party['address']}"
        lines.append((12, f"{title}：{party['name']}  {party.get('mobile') or party.get('phone')}"))
        lines += [(10, address[start : start + 18]) for start in range(0, len(address), 18)]
    return lines


def label_pdf(parcel: dict[str, Any], kind: str) -> bytes:
    """Return the PDF of a parcel's label; `kind` is a key of SIZES."""
    width, height = (round(side * _POINTS) for side in SIZES[kind])
    drawn, y = [b"BT"], height - 30
    for size, text in _lines(parcel):
        drawn.append(b"/F1 %d Tf 1 0 0 1 14 %d Tm %s Tj" % (size, y, _hex(text)))
        y -= size + 8
    stream = b"\n".join([*drawn, b"ET"])
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
        % (width, height),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [6 0 R] >>",
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /FontDescriptor 7 0 R"
        b" /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 4 >> >>",
        b"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /ItalicAngle 0"
        b" /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return out + head + table + trailer
