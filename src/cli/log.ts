import type { Config } from '../config/index.ts'
import { createLogger, type Logger } from '../platform/logger.ts'
import type { Output } from './command.ts'

/** JSON lines, or readable ones with colours where the stream is a terminal. */
export async function openLog(config: Config['log'], stream: Output): Promise<Logger> {
  if (config.format === 'json') return createLogger({ level: config.level, destination: stream })
  const { prettyFactory } = await import('pino-pretty')
  const format = prettyFactory({
    colorize: stream.isTTY === true,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss',
    ignore: 'component',
    messageFormat: '{if component}{component}: {end}{msg}',
  })
  return createLogger({
    level: config.level,
    destination: { write: (line) => void stream.write(format(line)) },
  })
}
