import DurableFiles
import Foundation

/// What an input may take: beyond it the process is ended by a signal, or an allocation fails.
struct InputLimits {
    /// Processor time of one input, in seconds; the machine may be busy with something else.
    var processorSeconds = 10
    /// Time of one input by the clock, in seconds: for what waits.
    var waitingSeconds = 60
    /// Memory that may be taken beyond that of the program itself, in bytes.
    static let memory = 1 << 30

    /// Limits the memory of this process, and keeps a crash from leaving a core.
    static func limitMemory() {
        // Tests run on threads that block signals, and a process inherits what its maker blocks: its clocks would ring
        // unheard.
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        set(RLIMIT_CORE, 0)
        #if os(Linux)
        // The first number is the size of the address space in pages. Only Linux holds a process to this limit.
        guard let text = try? Files.read("/proc/self/statm"),
            let pages = String(decoding: text, as: UTF8.self).split(separator: " ").first.flatMap({ Int($0) })
        else { return }
        set(RLIMIT_AS, pages * Int(getpagesize()) + memory)
        #endif
    }

    /// Starts both clocks; called before every input.
    func startClocks() {
        Self.setClock(processorSeconds)
        alarm(UInt32(waitingSeconds))
    }

    /// Stops both clocks.
    func stopClocks() {
        Self.setClock(0)
        alarm(0)
    }

    private static func setClock(_ seconds: Int) {
        var timer = itimerval()
        timer.it_value.tv_sec = seconds
        #if canImport(Glibc)
        setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &timer, nil)
        #else
        setitimer(Int32(ITIMER_PROF), &timer, nil)
        #endif
    }

    #if canImport(Glibc)
    private static func set(_ resource: __rlimit_resource, _ bytes: Int) {
        var limit = rlimit(rlim_cur: rlim_t(bytes), rlim_max: rlim_t(bytes))
        setrlimit(__rlimit_resource_t(resource.rawValue), &limit)
    }
    #else
    private static func set(_ resource: Int32, _ bytes: Int) {
        var limit = rlimit(rlim_cur: rlim_t(bytes), rlim_max: rlim_t(bytes))
        setrlimit(resource, &limit)
    }
    #endif
}
