// A Kafka consumer that keeps "the contract of an application, version 1"; § are the sections of that page.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"
)

type obj = map[string]any
type offsets = map[int32]int64 // by partition

var topic, group, color, version, pod = env("TOPIC"), env("GROUP_ID"), env("COLOR"), env("VERSION"), os.Getenv("POD_NAME")
var drainLimit, joinLimit, stallLimit = seconds("DRAIN_TIMEOUT"), seconds("RESUME_TIMEOUT"), seconds("STALL")
var home *kgo.Client   // is in no group: asks whether a broker answers, and says when a member leaves
var idle atomic.Int32  // seconds since the loop turned last
var commits sync.Mutex // one commit at a time: the loop and a rebalance both do

var a = struct { // what the loop, the calls and the client's callbacks share, under its lock
	sync.Mutex
	state, boot, member                   string
	want                                  bool  // that it is ACTIVE, or on its way there
	epoch, seen, paused, grant, under     int64 // paused: the newest of a pause; grant: of a resume; under: that of the last record
	committed, dirty, ready, ending       bool  // dirty: something handled was taken away before it was committed
	voids, handled, failed, errs, joins   int
	beat, gone                            time.Duration // gone: by when the group has forgotten a member that could not leave
	lastErr                               any
	cl                                    *kgo.Client // a new one for each stay in the group; nil while it is out
	life                                  context.Context
	kill                                  func()
	pos, end                              offsets               // of what it owns: the next ones, and the ends of the logs
	pending                               map[int32]*kgo.Record // handled last, not known to be committed
	records, events                       *os.File
	commitSum, commitCount, rate, rateWas float64
}{state: "PAUSED", boot: rand.Text(), paused: -1, committed: true, beat: now(), kill: func() {}, pos: offsets{}}

func env(name string) string { return os.Getenv("BG_" + name) }

func seconds(name string) time.Duration {
	s, err := strconv.ParseFloat(env(name+"_SECONDS"), 64)
	must(err)
	return time.Duration(s * float64(time.Second))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func now() time.Duration { // goes on while the process is stopped, and while the node sleeps
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_BOOTTIME, &t)
	return time.Duration(t.Nano())
}

// lock is how all that is done or said begins, so that a stall is noticed before it (§6.1).
func lock() (unlock func()) {
	a.Lock()
	gap := now() - a.beat
	if a.beat += gap; gap > stallLimit {
		void(fmt.Sprint("it stood still for ", gap))
	}
	return a.Unlock
}

func void(why string) { // §6
	a.voids++
	a.lastErr = why
	stop()
}

func stop() { // towards PAUSED
	a.want = false
	switch a.state {
	case "ACTIVE":
		a.state = "DRAINING"
		time.AfterFunc(drainLimit*6/10, a.kill) // what is not committed by then is not
		event("DRAINING", a.pos)
	case "PAUSED":
		a.kill() // the join, if there is one, is given up (§4.4)
	}
}

func write(f *os.File, line obj) error { // in one write(2)
	b, _ := json.Marshal(line)
	n, err := f.Write(append(b, '\n'))
	if info, e := f.Stat(); err != nil && e == nil { // as on a full disk: no half line stays behind
		f.Truncate(info.Size() - int64(n))
	}
	return err
}

func event(name string, at offsets) {
	list := [][]any{}
	for p, o := range at {
		list = append(list, []any{topic, p, o})
	}
	write(a.events, obj{"t": time.Now().UnixNano(), "color": color, "pod": pod, "boot_id": a.boot, "version": version,
		"image": env("IMAGE"), "event": name, "epoch": a.epoch, "partitions": list})
}

func loop(opts []kgo.Opt) {
	var began time.Duration
	for ; ; idle.Store(0) {
		unlock := lock()
		if a.state == "PAUSED" && a.cl != nil && a.want && now()-began > joinLimit {
			a.lastErr = "the group did not let it in in time"
			stop()
		}
		next := work
		switch {
		case a.cl == nil && a.want:
			began, next = now(), func() {}
			enter(opts)
		case a.cl == nil && a.ending:
			must(write(a.records, obj{"pod": pod, "end": a.handled}))
			os.Exit(0)
		case a.cl == nil:
			next = func() { time.Sleep(5 * time.Millisecond) }
		case a.state == "DRAINING" || !a.want || a.life.Err() != nil:
			next = leave
		}
		unlock()
		next()
	}
}

func enter(opts []kgo.Opt) { // §4.1
	var err error
	a.end, a.pending, a.dirty = offsets{}, map[int32]*kgo.Record{}, false
	a.life, a.kill = context.WithCancel(context.Background())
	a.cl, err = kgo.NewClient(append(opts, kgo.WithContext(a.life), kgo.WithHooks(hooks{}), kgo.AdjustFetchOffsetsFn(assigned), kgo.OnPartitionsRevoked(revoked))...)
	if err != nil {
		a.cl, a.lastErr = nil, err.Error()
		stop()
	}
}

func work() {
	if !commit() { // nothing more is handled until what is handled is committed
		time.Sleep(100 * time.Millisecond)
		return
	}
	ctx, cancel := context.WithTimeout(a.life, 50*time.Millisecond)
	defer cancel()
	defer a.cl.AllowRebalance() // from the poll to the commit nothing can be taken
	a.cl.PollRecords(ctx, 200).EachPartition(func(f kgo.FetchTopicPartition) {
		for _, r := range f.Records {
			handle(r, f.HighWatermark)
		}
		if f.Err != nil && ctx.Err() == nil {
			defer lock()()
			a.errs, a.lastErr = a.errs+1, f.Err.Error()
		}
	})
	commit()
}

func handle(r *kgo.Record, end int64) {
	defer lock()()
	if a.state != "ACTIVE" {
		return
	}
	if r.Attrs.IsControl() { // a transaction's marker: the position and its commit pass it (§10.2)
		a.pos[r.Partition], a.end[r.Partition], a.pending[r.Partition] = r.Offset+1, end, r
		return
	}
	line := obj{"color": color, "pod": pod, "version": version, "topic": r.Topic, "epoch": a.epoch, "producer": "unreadable", "seq": r.Offset,
		"partition": r.Partition, "offset": r.Offset, "t": time.Now().UnixNano()}
	var v struct {
		Producer *string
		Seq      *int64
	}
	if err := json.Unmarshal(r.Value, &v); err != nil || v.Producer == nil || v.Seq == nil {
		line["error"] = fmt.Sprint("not a record of a producer: ", err)
		a.failed++
	}
	if v.Producer != nil {
		line["producer"] = *v.Producer
		if v.Seq != nil {
			line["seq"] = *v.Seq
		}
	}
	if err := write(a.records, line); err != nil { // not written down: not handled, not committed, and the end (§9.4)
		a.ending = true
		void(err.Error())
		return
	}
	a.handled++
	a.under = a.epoch
	a.pos[r.Partition], a.end[r.Partition], a.pending[r.Partition] = r.Offset+1, end, r
}

func commit() (all bool) {
	commits.Lock()
	defer commits.Unlock()
	unlock := lock()
	batch, metadata, began := maps.Clone(a.pending), fmt.Sprintf("epoch=%d;", a.under), now()
	unlock()
	if len(batch) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(a.life, drainLimit/2)
	defer cancel()
	err := a.cl.CommitRecords(kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		for i := range req.Topics[0].Partitions {
			req.Topics[0].Partitions[i].Metadata = &metadata
		}
		return nil
	}), slices.Collect(maps.Values(batch))...)
	defer lock()()
	if err != nil {
		a.errs, a.lastErr = a.errs+1, "commit: "+err.Error()
		return false
	}
	done := offsets{}
	for p, r := range batch {
		done[p] = r.Offset + 1
	}
	clear(a.pending)
	a.commitSum, a.commitCount = a.commitSum+(now()-began).Seconds()*1000, a.commitCount+1
	event("COMMITTED", done)
	return true
}

func leave() {
	for !commit() && a.life.Err() == nil {
		time.Sleep(100 * time.Millisecond)
	}
	member, _ := a.cl.GroupMetadata()
	a.kill() // no join goes out any more
	a.cl.CloseAllowingRebalance()
	ctx, cancel := context.WithTimeout(context.Background(), drainLimit/5)
	defer cancel()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group, req.MemberID, req.Members = group, member, []kmsg.LeaveGroupRequestMember{{MemberID: member}}
	_, err := req.RequestWith(ctx, home)
	defer lock()()
	if err != nil && member != "" {
		a.lastErr, a.gone = "leave: "+err.Error(), now()+seconds("SESSION_TIMEOUT")
	}
	if a.state == "DRAINING" {
		a.committed = len(a.pending) == 0 && !a.dirty
	}
	a.cl, a.member, a.state, a.epoch, a.pos = nil, "", "PAUSED", max(a.epoch, a.paused), offsets{}
	event("PAUSED", nil)
}

// assigned hears where what it is assigned begins. It is ACTIVE with the first assignment.
func assigned(_ context.Context, m map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	defer lock()()
	for p, o := range m[topic] {
		a.pos[p] = o.EpochOffset().Offset // below 0: nothing is committed, so it is the earliest
	}
	a.member, _ = a.cl.GroupMetadata()
	a.joins++
	event("ASSIGNED", a.pos)
	if a.state == "PAUSED" && a.want && a.life.Err() == nil {
		a.state, a.epoch = "ACTIVE", a.grant
		event("ACTIVE", a.pos)
	}
	return m, nil
}

func revoked(_ context.Context, _ *kgo.Client, m map[string][]int32) {
	commit()
	defer lock()()
	gone := offsets{}
	for _, p := range m[topic] {
		gone[p] = a.pos[p]
		a.dirty = a.dirty || a.pending[p] != nil
		delete(a.pos, p)
		delete(a.end, p)
		delete(a.pending, p)
	}
	event("REVOKED", gone)
}

type hooks struct{} // of the client: after a loss (§6.4) it would enter the group again by itself

func (hooks) OnGroupManageError(err error) { defer lock()(); lost(err.Error()) }

func (hooks) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, _ error) {
	if key == kmsg.JoinGroup.Int16() {
		defer lock()()
		if a.state != "ACTIVE" { // its first join
			return
		} else if id, _ := a.cl.GroupMetadata(); id == "" { // and not that of a rebalance, which it would join as the member that it is
			lost("the group does not know it any more")
		}
	}
}

func lost(why string) {
	a.kill()
	if a.state == "ACTIVE" {
		event("LOST", a.pos)
		void(why)
	} else {
		a.lastErr = why
		stop()
	}
	a.pos = offsets{}
}

func left() bool { return a.cl == nil && now() > a.gone }

func status() obj {
	s := obj{"contract": 1, "boot_id": a.boot, "state": a.state, "epoch": a.epoch, "seen_epoch": a.seen, "committed": a.committed,
		"partitions": slices.AppendSeq([]int32{}, maps.Keys(a.pos)), "voids": a.voids, "left": left(), "member_id": a.member,
		"obstacle": nil, "last_error": a.lastErr}
	if !a.ready {
		s["obstacle"] = "no broker answers"
	}
	return s
}

func command(r *http.Request) (int, any) {
	var c struct {
		Epoch    *int64 `json:"epoch"`
		Deadline int64  `json:"deadline_ms"`
		Leave    bool   `json:"leave"`
		Voids    *int   `json:"voids"`
	}
	c.Deadline = 5000
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &c)
	}
	defer lock()()
	if err != nil || c.Epoch == nil || *c.Epoch < 0 || *c.Epoch >= 1<<30 {
		return 400, status()
	}
	n, resume, voids := *c.Epoch, strings.HasSuffix(r.URL.Path, "resume"), a.voids
	if n < a.seen || resume && (n <= a.paused || c.Voids != nil && *c.Voids != voids) {
		return 409, status()
	}
	a.seen = n
	if resume {
		a.want, a.grant = !a.ending, n
		if a.state == "ACTIVE" {
			a.epoch = n
		}
	} else {
		a.paused = n
		if stop(); a.cl == nil || a.state == "DRAINING" {
			a.epoch = n
		}
	}
	for late := now() + time.Duration(c.Deadline)*time.Millisecond; ; {
		switch {
		case n < a.seen || resume && n <= a.paused:
			return 409, status()
		case resume && a.want && a.state == "ACTIVE" && a.epoch >= n, !resume && a.cl == nil && (!c.Leave || left()):
			return 200, status()
		case resume && (!a.want || a.voids != voids), now() > late:
			return 503, status()
		}
		a.Unlock()
		time.Sleep(2 * time.Millisecond)
		lock()
	}
}

func metrics() string {
	lag, labels := int64(0), fmt.Sprintf("color=%q,pod=%q,strategy=%q", color, pod, env("STRATEGY"))
	for p, end := range a.end {
		lag += max(0, end-a.pos[p])
	}
	text := fmt.Sprintf("kafka_consumer_lifecycle_state{%s,state=%q} 1.0\n", labels, a.state)
	for name, value := range map[string]float64{
		"kafka_consumer_records_consumed_rate": a.rate, "kafka_consumer_errors_total": float64(a.errs + a.failed),
		"kafka_consumer_rebalance_count_total": float64(a.joins), "kafka_consumer_commit_latency_avg": a.commitSum / max(1, a.commitCount),
		"bg_consumer_epoch": float64(a.epoch), "bg_consumer_lag": float64(lag), "bg_consumer_assigned_partitions": float64(len(a.pos)),
	} {
		text += fmt.Sprintf("%s{%s} %v\n", name, labels, value)
	}
	return text
}

func serve(mux *http.ServeMux, pattern string, answer func(*http.Request) (int, any)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		code, body := answer(r)
		w.WriteHeader(code)
		if text, plain := body.(string); plain {
			io.WriteString(w, text)
		} else {
			json.NewEncoder(w).Encode(body)
		}
	})
}

func open(kind string) *os.File {
	must(os.MkdirAll(env("RECORDS_DIR")+"/"+kind, 0o777))
	f, err := os.OpenFile(fmt.Sprintf("%s/%s/%s.%s.jsonl", env("RECORDS_DIR"), kind, pod, a.boot), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	must(err)
	return f
}

func main() {
	a.records, a.events = open("consumed"), open("events")
	opts := []kgo.Opt{kgo.SeedBrokers(strings.Split(env("BOOTSTRAP_SERVERS"), ",")...), kgo.ClientID(pod), kgo.DisableClientMetrics(),
		kgo.DialTimeout(2 * time.Second), kgo.MetadataMinAge(250 * time.Millisecond),
		kgo.RetryBackoffFn(func(n int) time.Duration { return min(time.Second, 50*time.Millisecond<<min(n, 5)) })}
	var err error
	home, err = kgo.NewClient(opts...)
	must(err)
	session := seconds("SESSION_TIMEOUT")
	go loop(append(opts, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.Balancers(kgo.RangeBalancer(), kgo.RoundRobinBalancer()),
		kgo.SessionTimeout(session), kgo.RebalanceTimeout(max(drainLimit, session)), kgo.HeartbeatInterval(min(session/10, 3*time.Second)),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords()))
	go func() { // notices a stall while nothing else happens
		for ; ; time.Sleep(100 * time.Millisecond) {
			lock()()
		}
	}()
	go func() { // asks every second whether a broker answers
		for ; ; time.Sleep(time.Second) {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			err := home.Ping(ctx)
			cancel()
			unlock := lock()
			a.ready, a.rate, a.rateWas = err == nil, float64(a.handled)-a.rateWas, float64(a.handled)
			idle.Add(1)
			unlock()
		}
	}()
	lifecycle, public := http.NewServeMux(), http.NewServeMux()
	serve(lifecycle, "GET /lifecycle/status", func(*http.Request) (int, any) { defer lock()(); return 200, status() })
	serve(lifecycle, "POST /lifecycle/pause", command)
	serve(lifecycle, "POST /lifecycle/resume", command)
	serve(public, "GET /healthz", func(*http.Request) (int, any) {
		return map[bool]int{true: 503, false: 200}[float64(idle.Load()) > drainLimit.Seconds()+2], "the loop turns, or not\n"
	})
	serve(public, "GET /readyz", func(*http.Request) (int, any) {
		defer lock()()
		return map[bool]int{true: 200, false: 503}[a.ready], "a broker answers, or not\n"
	})
	serve(public, "GET /metrics", func(*http.Request) (int, any) { defer lock()(); return 200, metrics() })
	serve(public, "GET /progress", func(*http.Request) (int, any) {
		defer lock()()
		known := maps.Clone(a.pos)
		maps.DeleteFunc(known, func(_ int32, o int64) bool { return o < 0 })
		return 200, obj{"positions": known, "handled": a.handled, "failed": a.failed, "state": a.state, "epoch": a.epoch, "boot_id": a.boot,
			"time": time.Now().UnixNano()}
	})
	go func() { must(http.ListenAndServe("127.0.0.1:"+env("LIFECYCLE_PORT"), lifecycle)) }()
	go func() { must(http.ListenAndServe(":"+env("HTTP_PORT"), public)) }()
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	<-term
	unlock := lock() // a drain, and the end (§7.1): the loop sees to it
	a.ending = true
	stop()
	unlock()
	select {}
}
