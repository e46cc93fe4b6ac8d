// Writes down what a reader would stumble over: texts that intersect, a verdict that is not on the first
// screen, a page that is wider than the window.
addEventListener('load', () => {
  document.querySelectorAll('details').forEach((one) => { one.open = true; });
  const lines = [];
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) lines.push(`the page is ${wide} pixels wide`);
  for (const id of ['property', 'node', 'time']) {
    const one = document.getElementById(id);
    if (!one) continue;
    const box = one.getBoundingClientRect();
    const inside = box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth;
    if (!inside || box.width === 0) lines.push(`the ${id} is not on the first screen`);
    if (parseFloat(getComputedStyle(one).fontSize) < 12) lines.push(`the ${id} is too small`);
  }
  // What an ancestor cuts off is not seen.
  const clipped = (box, element) => {
    let [left, top, right, bottom] = [box.left, box.top, box.right, box.bottom];
    for (let one = element; one && one !== document.body; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.visibility === 'hidden') return null;
      if (style.overflowX === 'visible' && style.overflowY === 'visible') continue;
      if (one instanceof SVGElement && one.tagName !== 'svg') continue;
      const edge = one.getBoundingClientRect();
      left = Math.max(left, edge.left); right = Math.min(right, edge.right);
      top = Math.max(top, edge.top); bottom = Math.min(bottom, edge.bottom);
    }
    return right - left > 0.5 && bottom - top > 0.5 ? { left, top, right, bottom } : null;
  };
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.textContent.trim() || parent.closest('script, style, title, defs')) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) {
      const box = clipped(rect, parent);
      if (box) boxes.push({ ...box, node, text: node.textContent.trim().slice(0, 40) });
    }
  }
  boxes.sort((a, b) => a.top - b.top);
  let found = 0;
  for (let i = 0; i < boxes.length && found < 20; i += 1) {
    const a = boxes[i];
    for (let j = i + 1; j < boxes.length && boxes[j].top < a.bottom; j += 1) {
      const b = boxes[j];
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (a.node !== b.node && across > 1 && down > 1.5) {
        lines.push(`"${a.text}" and "${b.text}" intersect`);
        found += 1;
      }
    }
  }
  const out = document.createElement('pre');
  out.id = 'probe';
  out.textContent = [`texts ${boxes.length}`, ...lines].join('\n');
  document.body.append(out);
});
