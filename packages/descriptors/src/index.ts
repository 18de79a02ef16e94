export * from './gate-words.js';
export * from './segment-words.js';
export * from './selector.js';
