export { deviceOf } from '../monitor/device.ts'
