export { activity, type Activity, type ActivityRow, type ActivityTracker } from '../monitor/activity.ts'
export { deviceOf } from '../monitor/device.ts'
export type { ActivityOptions, WatchedSession, WatchedSessions } from '../monitor/options.ts'
export { metrics, type MetricsOptions } from '../monitor/metrics.ts'
