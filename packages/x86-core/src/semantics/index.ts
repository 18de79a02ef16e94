/*
 * All instructions. Importing this file registers every definition; the decoder's tables find them by name.
 */
import './arithmetic.js';
import './bits.js';
import './control.js';
import './decimal.js';
import './moves.js';
import './rare.js';
import './shifts.js';
import './strings.js';
