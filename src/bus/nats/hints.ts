import type { Subscription } from '@nats-io/transport-node'
import type { Hint, Unsubscribe } from '../bus.js'
import { createHints } from '../hints.js'
import type { Link } from './link.js'
import type { Names } from './names.js'

interface NatsHintsParts {
  readonly link: Link
  readonly names: Names
  readonly onError: (error: unknown) => void
}

interface Channel {
  readonly subscription: Subscription
  listeners: number
}

/**
 * Hints to this process directly, and to the others over core NATS: one subscription for each execution that is listened to
 * here, however many listen. The connection does not echo, so that nothing is heard twice.
 */
export function createNatsHints({ link, names, onError }: NatsHintsParts) {
  const hints = createHints(onError)
  const channels = new Map<string, Channel>()

  function openChannel(key: string): Channel {
    const subscription = link.connection.subscribe(names.hint(key), {
      callback: (error, message) => {
        if (error === null) hints.deliver(key, names.readHint(message.subject, message.string()))
      },
    })
    const channel = { subscription, listeners: 0 }
    channels.set(key, channel)
    return channel
  }

  return {
    /** While NATS is away nothing is queued: a late hint is worth nothing. */
    send(hint: Hint): void {
      hints.send(hint)
      if (link.fault() !== null) return
      try {
        link.connection.publish(names.hint(hint.executionId), `${hint.revision} ${hint.eventSeq}`)
      } catch (error) {
        onError(error)
      }
    },
    listen(key: string, listener: (hint: Hint) => void): Unsubscribe {
      const unlisten = hints.listen(key, listener)
      const channel = channels.get(key) ?? openChannel(key)
      channel.listeners += 1
      let isListening = true
      return () => {
        unlisten()
        if (!isListening) return
        isListening = false
        channel.listeners -= 1
        if (channel.listeners > 0) return
        channels.delete(key)
        if (!channel.subscription.isClosed()) channel.subscription.unsubscribe()
      }
    },
    clear: hints.clear,
  }
}
