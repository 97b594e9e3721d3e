export type { BusHealth, ConsumeOptions, Hint, StepBus, Stop, TaskRef, Unsubscribe } from './bus.js'
export { createMemoryBus } from './memory.js'
export { createNatsBus } from './nats.js'
