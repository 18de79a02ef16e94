/*
 * The few things that kernel and user program both need: strings and formatted text. The text goes wherever a function
 * puts characters.
 */
import { source } from './b.js';

/** formatTo(put, format, list): %d %x %s %c %%, with a width (numbers to the right, strings to the left). */
export const library = source('library')`
bytes digits[12];

function formatNumber(put, value, base, width, fill) {
  var count = 0;
  while (1) {
    var digit = value % base;
    store8(digits + count, digit < 10 ? '0' + digit : 'a' + digit - 10);
    count++;
    value = value / base;
    if (value == 0) break;
  }
  for (var pad = count; pad < width; pad++) put(fill);
  while (count > 0) {
    count--;
    put(load8(digits + count));
  }
}

function formatText(put, text, width) {
  var count = 0;
  while (load8(text + count) != 0) {
    put(load8(text + count));
    count++;
  }
  for (count = count; count < width; count++) put(' ');
}

function formatTo(put, format, list) {
  while (load8(format) != 0) {
    var c = load8(format);
    format++;
    if (c != '%') {
      put(c);
      continue;
    }
    c = load8(format);
    var fill = ' ', width = 0;
    if (c == '0') fill = '0';
    while (c >= '0' && c <= '9') {
      width = width * 10 + c - '0';
      format++;
      c = load8(format);
    }
    format++;
    if (c == '%') {
      put('%');
      continue;
    }
    if (c == 'd') formatNumber(put, list[0], 10, width, fill);
    if (c == 'x') formatNumber(put, list[0], 16, width, fill);
    if (c == 's') formatText(put, list[0], width);
    if (c == 'c') put(list[0]);
    list += 4;
  }
}

function textLength(text) {
  var length = 0;
  while (load8(text + length) != 0) length++;
  return length;
}

function sameText(a, b) {
  while (load8(a) == load8(b)) {
    if (load8(a) == 0) return 1;
    a++;
    b++;
  }
  return 0;
}

// At most limit bytes, the last one always 0.
function copyText(to, from, limit) {
  var i = 0;
  while (i + 1 < limit && load8(from + i) != 0) {
    store8(to + i, load8(from + i));
    i++;
  }
  store8(to + i, 0);
}
`;
