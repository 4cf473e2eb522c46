"""Texts that are hard to cut and put together."""

AWKWARD = {
    "chinese": "循环神经网络：从零开始。她说：“你好，世界！”",
    "emoji": "ok 👍🏽 👩‍👩‍👧‍👦 🇩🇪\ufe0f!",
    "combining": "e\u0301 a\u0308\u0323 \u0301lone Z\u0335a\u0334l\u0337g\u0338o",
    "right to left": "שָׁלוֹם עֲלֵיכֶם \u202bسلام\u202c",
    "spaces": "  a  b \t c\r\n\n d\u00a0e\u2003f\u200bg ",
    "control": "\x00\x01\x1b[0m\x7f\x85\u2028\ufeff\ufffd\uffff",
    "beyond": "\U00010000\U0010ffff𝔘𝔫𝔦",
    "one": "x",
    "empty": "",
    "two kilobytes": ("The quick brown fox, 3.14 — naïve café; 東京 2020年! 😀\n" * 60)[:2048],
}
