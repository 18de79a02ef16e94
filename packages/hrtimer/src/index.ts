export { type Clock, MonotonicClock, type Nanoseconds, RealtimeClock, VirtualClock } from './clock.js';
export { Timer, type TimerCallback, type TimerMode, TimerQueue, type TimerVerdict } from './timer.js';
export { Sleeper, type SleepEnd, type SleepHost } from './sleeper.js';
