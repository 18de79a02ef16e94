export { type Clock, MonotonicClock, type Nanoseconds, RealtimeClock, type StepListener, VirtualClock } from './clock.js';
export { HrtimerError, type HrtimerErrorCode } from './error.js';
export { Timer, type TimerCallback, type TimerMode, TimerQueue, type TimerVerdict } from './timer.js';
export { Sleeper, type SleepEnd, type SleepHost } from './sleeper.js';
