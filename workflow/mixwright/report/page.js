// What a page does beside showing: copies a block, and hands out a figure or its numbers as a file.
// Everything comes from the page itself; no request is made. Without JavaScript the buttons stay
// hidden and nothing is missing but them.
(() => {
  "use strict";

  const STROKES = "*{stroke-linejoin:round;stroke-linecap:butt}";

  /** Gives the reader a file of this text. */
  function handOut(name, kind, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: kind }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  /** A figure as a file that stands alone: the page's style of lines goes with it. */
  function drawing(svg) {
    const copy = svg.cloneNode(true);
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("xmlns:xlink", "http://www.w3.org/1999/xlink");
    const style = document.createElementNS("http://www.w3.org/2000/svg", "style");
    style.textContent = STROKES;
    copy.prepend(style);
    return new XMLSerializer().serializeToString(copy);
  }

  /** Copies the text of an element; the button says so for two seconds. */
  async function copyText(button) {
    const block = document.getElementById(button.dataset.copy);
    const words = button.textContent;
    try {
      await navigator.clipboard.writeText(block.textContent);
      button.textContent = "Copied";
    } catch {
      // pages that are opened as files may not be allowed to: the reader copies the selection
      getSelection().selectAllChildren(block);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = words; }, 2000);
  }

  function download(button) {
    const figure = button.closest("figure");
    const name = figure.id.replace(/^figure-/, "");
    if (button.dataset.download === "svg") {
      handOut(`${name}.svg`, "image/svg+xml", drawing(figure.querySelector("svg")));
    } else {
      const numbers = figure.querySelector("pre.numbers").textContent;
      handOut(`${name}.csv`, "text/csv", numbers.trim() + "\n");
    }
  }

  /** Opens the fold that holds the place that a link names. */
  function unfold() {
    const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let fold = place?.closest("details"); fold; fold = fold.parentElement.closest("details"))
      fold.open = true;
  }

  addEventListener("hashchange", unfold);
  unfold();
  addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll("details.fold")) fold.open = true;
  });
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copyText(button));
  }
  for (const button of document.querySelectorAll("button[data-download]")) {
    button.hidden = false;
    button.addEventListener("click", () => download(button));
  }
})();
