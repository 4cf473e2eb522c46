"""What every widget must keep, on its own page: readable, reachable by keyboard, usable on a phone."""

from __future__ import annotations

from typing import Any

from .conftest import LOOK

_WIDTH = "() => { const look = (" + LOOK + ")(); return {overflow: look.overflow, culprits: look.culprits}; }"

# Text in SVG counts too: its colour is `fill`.
_CONTRASTS = r"""
() => {
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", {willReadFrequently: true});
  const paint = colours => {
    context.clearRect(0, 0, 1, 1);
    for (const colour of colours) { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const root = document.querySelector(".rnn-widget");
  const own = e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())
    || ["INPUT", "TEXTAREA", "SELECT"].includes(e.tagName);
  return [...root.querySelectorAll("*")]
    .filter(e => own(e) && e.checkVisibility() && !e.closest(":disabled, .rnn-hidden, style, script"))
    .map(e => {
      const grounds = ["white"];
      const chain = [];
      for (let p = e; p; p = p.parentElement) chain.unshift(getComputedStyle(p).backgroundColor);
      grounds.push(getComputedStyle(document.documentElement).colorScheme.includes("dark") ? "canvas" : "white");
      grounds.push(...chain);
      const style = getComputedStyle(e);
      const ink = e instanceof SVGElement ? style.fill : style.color;
      const [a, b] = [luminance(paint([...grounds, ink])), luminance(paint(grounds))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05),
              `${e.tagName.toLowerCase()}.${e.getAttribute("class")}: ${e.textContent.trim().slice(0, 40)}`];
    })
    .sort((a, b) => a[0] - b[0]);
}
"""

_TARGETS = """
() => [...document.querySelectorAll(".rnn-live :is(button, input, select, textarea, summary, [role=button])")]
  .filter(e => e.checkVisibility())
  .map(e => { const r = e.getBoundingClientRect();
              return [Math.round(r.width), Math.round(r.height), `${e.tagName} ${e.textContent || e.type}`]; })
  .filter(([w, h]) => w < 44 || h < 44)
"""

_REACHABLE = """
() => [...document.querySelectorAll(
    ".rnn-live :is(button, input, select, textarea, summary, a[href], [tabindex='0'])")]
  .filter(e => e.checkVisibility() && !e.disabled).length
"""

_NAMELESS = """
() => [...document.querySelectorAll(".rnn-live :is(input, select, textarea, button, [role]:not([role=status]))")]
  .filter(e => e.checkVisibility() && !(e.labels && e.labels.length) && !e.getAttribute("aria-label")
    && !e.getAttribute("aria-labelledby") && !e.textContent.trim())
  .map(e => e.outerHTML.slice(0, 120))
"""

_FOCUS = """
() => { const e = document.activeElement, s = getComputedStyle(e);
  const inside = !!e.closest(".rnn-live");
  return {inside, seen: !inside || s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2,
          what: e.outerHTML.slice(0, 100)}; }
"""


def contrast(page: Any) -> list[tuple[float, str]]:
    """The widget's texts below WCAG's contrast of 4.5 to 1; there must be texts at all."""
    found = page.evaluate(_CONTRASTS)
    assert found, "no text in the widget"
    return [(round(ratio, 2), text) for ratio, text in found if ratio < 4.5]


def overflow(page: Any) -> list[str]:
    """What makes the page wider than the window."""
    found = page.evaluate(_WIDTH)
    return found["culprits"] or ([f"{found['overflow']} px"] if found["overflow"] > 0 else [])


def small_targets(page: Any) -> list[Any]:
    """Controls of less than 44 by 44 pixels."""
    return page.evaluate(_TARGETS)


def nameless(page: Any) -> list[str]:
    """Controls that a screen reader cannot name."""
    return page.evaluate(_NAMELESS)


def tab_through(page: Any) -> list[str]:
    """Go through the widget with the Tab key; what is wrong: a focus that is not seen, a trap, a control left out."""
    wrong = []
    page.evaluate("document.body.setAttribute('tabindex', '-1'); document.body.focus()")
    count, reached = page.evaluate(_REACHABLE), 0
    for _ in range(count + 2):
        page.keyboard.press("Tab")
        focus = page.evaluate(_FOCUS)
        if not focus["inside"]:
            break
        reached += 1
        if not focus["seen"]:
            wrong.append(f"no visible focus: {focus['what']}")
    else:
        wrong.append("the focus does not leave the widget")
    if reached != count:
        wrong.append(f"{reached} of {count} controls are reached")
    return wrong
