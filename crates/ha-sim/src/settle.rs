//! From the moment after a failure to the state at rest: controllers create pods, the scheduler places them, preemption
//! makes room, until nothing moves any more.
//!
//! Differs from upstream 1.36: queueing hints. Upstream tries a pod again when an event may help it, and otherwise only
//! after five minutes; here it is tried whenever something changed, so the end state is that of a scheduler which has
//! tried every waiting pod once more.

use ha_core::snapshot::WorkloadId;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::controllers::{self, Answer, Controllers};
use crate::cycle::Cycle;
use crate::ids::{ClassId, PodIndex};
use crate::messages;
use crate::model::PodModel;
use crate::preemption::{self, Written};
use crate::put_off::{self, Explanations};
use crate::queue::Queue;
use crate::random::Random;
use crate::run::Run;
use crate::schedule::{self, Attempt, Diagnosis, begin, schedule, unknown};
use crate::state::State;

/// A pod without a node, and why.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The pod.
    pub pod: PodIndex,
    /// Why; none for one that the scheduler does not try.
    pub diagnosis: Option<Rc<Diagnosis>>,
    /// Whether that only stands for it until the end.
    is_put_off: bool,
    additions: u64,
    removals: u64,
}

impl Waiting {
    /// The scheduler's words; ours for a pod that it does not try.
    pub(crate) fn why(&self, state: &State) -> String {
        self.diagnosis.as_ref().map_or_else(
            || "it cannot be told where it runs".to_owned(),
            |diagnosis| messages::unschedulable(state.model, state.shape_of(self.pod), diagnosis),
        )
    }
}

/// How often a pod preempts in one run. One for which room was made so often, and which others overtook each time, waits:
/// upstream it would go on so, once in five minutes.
const MOST_PREEMPTIONS: u32 = 5;

/// Victims that are about to go, and the pod for which they do.
#[derive(Debug)]
struct Going {
    pod: PodIndex,
    diagnosis: Diagnosis,
    victims: Vec<PodIndex>,
    /// How many pods are tried before.
    left: usize,
}

/// What is to be remembered between two ways to rest: who waits, and what controllers have done.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    controllers: Controllers,
    waiting: Vec<PodIndex>,
}

/// A pod that was refused, and for which no room could be made either.
#[derive(Debug)]
struct Refused {
    diagnosis: Rc<Diagnosis>,
    /// The dice before and after.
    dice: (Random, Random),
}

/// The way to rest.
#[derive(Debug)]
pub struct Settling<'s, 'm> {
    /// The cluster.
    pub state: &'s mut State<'m>,
    /// Ties and order.
    pub run: Run,
    /// Pods that preemption removed.
    pub preempted: Vec<PodIndex>,
    /// Whether it was given up: pods chased each other without end.
    pub endless: bool,
    /// Whether nobody asks why pods wait before `retry` has ended.
    pub(crate) may_put_off: bool,
    queue: Queue,
    waiting: Vec<Waiting>,
    going: VecDeque<Going>,
    preemptions: HashMap<PodIndex, u32>,
    /// What budgets allowed before the failure, until the disruption controller takes note of it.
    written: Written,
    /// Pods that were refused since the last change, by class, and the state's version by then.
    refused: (u64, HashMap<ClassId, Refused>),
    unanswered: Vec<PodIndex>,
    controllers: Controllers,
    wave: u32,
    additions: u64,
    removals: u64,
    /// What both were when those who wait were last looked through.
    woken: (u64, u64),
    attempts: usize,
}

impl<'s, 'm> Settling<'s, 'm> {
    /// Begins with the pods that wait already. Seed 0 is the plain run.
    pub fn new(state: &'s mut State<'m>, seed: u64) -> Self {
        Self::with(state, seed, Controllers::default())
    }

    /// Begins with the pods that wait already; nothing that controllers create is denied by quotas.
    pub(crate) fn without_quotas(state: &'s mut State<'m>, seed: u64) -> Self {
        Self::with(state, seed, Controllers::without_quotas())
    }

    fn with(state: &'s mut State<'m>, seed: u64, controllers: Controllers) -> Self {
        let mut settling = Self::idle(state, seed, controllers);
        let model = settling.state.model;
        for &pod in &model.waiting {
            settling.enqueue(pod);
        }
        for &id in &model.incomplete_sets {
            settling.sync(id);
        }
        settling
    }

    /// Leaves off where all is at rest: the state stays as it is.
    pub(crate) fn rest(self) -> Rest {
        Rest { controllers: self.controllers, waiting: self.waiting.iter().map(|waiting| waiting.pod).collect() }
    }

    /// Goes on from there, with dice of its own.
    pub(crate) fn resume(state: &'s mut State<'m>, seed: u64, rest: &Rest) -> Self {
        let mut settling = Self::idle(state, seed, rest.controllers.clone());
        for &pod in &rest.waiting {
            settling.enqueue(pod);
        }
        settling
    }

    /// Nothing is to be done yet.
    fn idle(state: &'s mut State<'m>, seed: u64, controllers: Controllers) -> Self {
        let run = Run::new(seed, state.model.nodes.len());
        let written = if run.slow_budgets { preemption::written(state) } else { Written::new() };
        Self {
            state,
            run,
            preempted: Vec::new(),
            endless: false,
            may_put_off: false,
            queue: Queue::default(),
            waiting: Vec::new(),
            going: VecDeque::new(),
            preemptions: HashMap::new(),
            written,
            refused: (0, HashMap::new()),
            unanswered: Vec::new(),
            controllers,
            wave: 0,
            additions: 0,
            removals: 0,
            woken: (0, 0),
            attempts: 0,
        }
    }

    fn enqueue(&mut self, pod: PodIndex) {
        let class = self.state.model.class(self.state.pod(pod).class);
        // A controller creates its pods one after the other, so those of one workload may come together.
        let mut of_workload = self.run.by_workload.map(|salt| {
            let workload = self.state.pod(pod).workload.position() as u64;
            Random::new(salt.wrapping_add(workload))
        });
        let random = of_workload.as_mut().unwrap_or(&mut self.run.search.random);
        let wave = self.wave + u32::try_from(random.below(self.run.waves)).unwrap_or(0);
        let time = if self.run.in_order { 0 } else { random.roll() };
        self.queue.push(pod, wave, class.key.priority, time);
    }

    /// A pod vanishes, and its controller takes note.
    pub fn lose(&mut self, pod: PodIndex) {
        let waits = self.state.node_of(pod).is_none();
        self.state.remove(pod);
        self.state.withdraw(pod);
        if waits {
            self.waiting.retain(|waiting| waiting.pod != pod);
        }
        self.removals += 1;
        if self.run.wakes_at_once {
            self.wake();
        }
        self.answer(pod);
    }

    /// Pods vanish at the same time.
    pub fn lose_all(&mut self, pods: &[PodIndex]) {
        if self.run.vanish_one_by_one {
            let mut pods = pods.to_vec();
            self.run.search.random.shuffle(&mut pods);
            for &pod in &pods {
                self.lose(pod);
            }
            return;
        }
        for &pod in pods {
            self.state.remove(pod);
            self.state.withdraw(pod);
        }
        self.removals += 1;
        self.unanswered.extend(pods);
        self.answer_all();
    }

    fn answer(&mut self, pod: PodIndex) {
        self.controllers.deleted(self.state, pod);
        // Whom quotas denied before may be faster than the controller of this one.
        if self.controllers.is_denied() && self.run.search.random.below(2) == 1 {
            self.try_denied();
        }
        self.replace(pod);
        self.try_denied();
    }

    fn replace(&mut self, pod: PodIndex) {
        match self.controllers.lost(self.state, pod) {
            Answer::Created(pod) => self.enqueue(pod),
            Answer::Set(workload) => self.sync(workload),
            Answer::Nothing => {}
        }
    }

    /// A controller deletes a pod and makes no other for it.
    pub(crate) fn discard(&mut self, pod: PodIndex) {
        self.state.remove(pod);
        self.state.withdraw(pod);
        self.waiting.retain(|waiting| waiting.pod != pod);
        self.removals += 1;
        self.controllers.deleted(self.state, pod);
    }

    /// A controller creates a pod besides those that replace others; none where quotas deny it.
    pub(crate) fn bring(&mut self, pod: PodModel) -> Option<PodIndex> {
        let pod = self.controllers.bring(self.state, pod)?;
        self.enqueue(pod);
        Some(pod)
    }

    /// Nodes came or are to be used again, which may help any pod that waits.
    pub(crate) fn note_change_of_nodes(&mut self) {
        self.additions += 1;
        self.removals += 1;
    }

    /// Daemons that wait for a node which is gone go as well.
    pub(crate) fn lose_left_over_daemons(&mut self) {
        let left_over = |&pod: &PodIndex| controllers::is_left_over(self.state, pod);
        let waiting = self.state.model.waiting.iter().copied().chain(self.waiting.iter().map(|waiting| waiting.pod));
        let left_over: Vec<PodIndex> = waiting.filter(left_over).collect();
        for &pod in &left_over {
            self.state.remove(pod);
            self.controllers.deleted(self.state, pod);
        }
        self.waiting.retain(|waiting| !left_over.contains(&waiting.pod));
        if !left_over.is_empty() {
            self.try_denied();
        }
    }

    /// Controllers try again what quotas denied, now that pods have gone.
    fn try_denied(&mut self) {
        for pod in self.controllers.try_denied(self.state, &mut self.run.search.random) {
            self.enqueue(pod);
        }
    }

    /// How many pods StatefulSets lack that they have not created yet; by workload, in no order.
    pub(crate) fn lacking(&self) -> impl Iterator<Item = (WorkloadId, usize)> {
        self.controllers.lacking()
    }

    /// Pods that quotas deny, by workload.
    pub(crate) fn denied(&self) -> impl Iterator<Item = WorkloadId> {
        self.controllers.denied()
    }

    fn sync(&mut self, workload: WorkloadId) {
        for pod in self.controllers.sync(self.state, &mut self.run.search.random, workload) {
            self.enqueue(pod);
        }
    }

    /// Goes on until nothing moves any more.
    pub fn settle(&mut self) {
        let limit = 1000 + 50 * self.state.pod_count();
        loop {
            while let Some((pod, wave)) = self.queue.pop() {
                self.wave = wave;
                self.attempts += 1;
                if self.attempts > limit {
                    self.endless = true;
                    return;
                }
                if self.state.exists(pod) && self.state.node_of(pod).is_none() {
                    self.attempt(pod);
                }
                self.let_go(false);
            }
            self.wave = 0;
            self.written.clear();
            if self.let_go(true) || self.answer_all() {
                continue;
            }
            if !self.wake() {
                return;
            }
        }
    }

    /// Pods that wait come back to the queue where something changed that may help them. Returns whether any did.
    fn wake(&mut self) -> bool {
        let (additions, removals) = (self.additions, self.removals);
        // Whoever came to wait since then was tried after the last change.
        if std::mem::replace(&mut self.woken, (additions, removals)) == (additions, removals) {
            return false;
        }
        let again = |waiting: &Waiting| {
            waiting.diagnosis.as_ref().is_some_and(|diagnosis| {
                (waiting.additions < additions && diagnosis.is_helped_by_additions())
                    || (waiting.removals < removals && diagnosis.is_helped_by_removals())
            })
        };
        let retried: Vec<PodIndex> = self.waiting.iter().filter(|w| again(w)).map(|w| w.pod).collect();
        self.waiting.retain(|waiting| !again(waiting));
        for &pod in &retried {
            self.enqueue(pod);
        }
        !retried.is_empty()
    }

    /// Tries every pod that waits once more, as the scheduler does every five minutes: what is said of it is then how
    /// things are at the end.
    pub fn retry(&mut self) {
        let (mut position, mut fresh) = (0, HashMap::new());
        while !self.endless && position < self.waiting.len() {
            if !self.is_outdated(&self.waiting[position]) || self.take_over(position, &fresh) {
                position += 1;
                continue;
            }
            let pod = self.waiting.swap_remove(position).pod;
            let (additions, removals) = (self.additions, self.removals);
            self.enqueue(pod);
            self.settle();
            if (additions, removals) != (self.additions, self.removals) {
                (position, fresh) = (0, HashMap::new());
            } else if let Some(known) = self.waiting.iter().rfind(|waiting| waiting.pod == pod) {
                fresh.insert(self.state.pod(pod).class, known.clone());
            }
        }
        self.explain_put_off();
    }

    fn explain_put_off(&mut self) {
        let mut explanations = Explanations::default();
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.is_put_off) {
            waiting.diagnosis = Some(explanations.of(self.state, &self.run.search, waiting.pod));
            waiting.is_put_off = false;
        }
    }

    /// What holds for a pod that was just refused holds for one without claims that is like it. Returns whether it is.
    fn take_over(&mut self, position: usize, fresh: &HashMap<ClassId, Waiting>) -> bool {
        let waiting = &mut self.waiting[position];
        let pod = self.state.pod(waiting.pod);
        match fresh.get(&pod.class).filter(|known| pod.claims.is_empty() && self.state.pod(known.pod).claims.is_empty())
        {
            Some(known) => {
                *waiting = Waiting { pod: waiting.pod, ..known.clone() };
                true
            }
            None => false,
        }
    }

    /// Whether anything changed since the pod was tried.
    fn is_outdated(&self, waiting: &Waiting) -> bool {
        waiting.diagnosis.is_some() && (waiting.additions, waiting.removals) != (self.additions, self.removals)
    }

    fn attempt(&mut self, pod: PodIndex) {
        let shape = self.state.shape_of(pod);
        if shape.gated {
            let gated = Diagnosis::gated(self.state);
            self.park(pod, Some(gated));
            return;
        }
        if !unknown(self.state, pod).is_empty() {
            self.park(pod, None);
            return;
        }
        if self.is_refused_again(pod) {
            return;
        }
        let before = self.run.search.random.clone();
        let attempt = match begin(self.state, pod) {
            Ok(cycle) if self.puts_off(&cycle) => return,
            Ok(cycle) => schedule(self.state, &mut self.run.search, cycle),
            Err(refused) => Attempt::Refused(refused),
        };
        match attempt {
            Attempt::Fits(_) => {
                self.additions += 1;
                let workload = self.state.pod(pod).workload;
                if self.state.model.sets.contains_key(&workload) {
                    self.sync(workload);
                }
            }
            Attempt::Refused(refused) => self.make_room_or_wait(pod, *refused, before),
        }
    }

    /// A pod that no node takes preempts others, or waits. `before` are the dice before the attempt.
    fn make_room_or_wait(&mut self, pod: PodIndex, refused: schedule::Refused<'m>, before: Random) {
        let mut diagnosis = refused.diagnosis;
        // A pod that may not preempt keeps the node that was promised to it (`AddNominatedPod`).
        if !self.state.shape_of(pod).never_preempts {
            self.state.withdraw(pod);
        }
        let Some(mut cycle) = refused.cycle else {
            self.park(pod, Some(diagnosis));
            return;
        };
        let preempted = self.preemptions.get(&pod).copied().unwrap_or(0);
        if preempted >= MOST_PREEMPTIONS {
            self.park(pod, Some(diagnosis));
            return;
        }
        match preemption::preempt(self.state, &mut self.run.search.random, &mut cycle, &diagnosis, &self.written) {
            Ok(candidate) => {
                self.preemptions.insert(pod, preempted + 1);
                self.make_room(pod, candidate, diagnosis);
            }
            Err(message) => {
                diagnosis.preemption = message;
                self.park(pod, Some(diagnosis));
                self.note_refusal(before);
            }
        }
    }

    /// Takes note of the pod that was parked last.
    fn note_refusal(&mut self, before: Random) {
        let Some(Waiting { pod, diagnosis: Some(diagnosis), .. }) = self.waiting.last() else {
            return;
        };
        let PodModel { class, claims, .. } = self.state.pod(*pod);
        // A search among few nodes leaves off where another begins elsewhere.
        if !claims.is_empty() || diagnosis.named_nodes_only {
            return;
        }
        let (version, refused) = &mut self.refused;
        if *version != self.state.version() {
            *version = self.state.version();
            refused.clear();
        }
        let dice = (before, self.run.search.random.clone());
        refused.insert(*class, Refused { diagnosis: diagnosis.clone(), dice });
    }

    /// A pod like one that was refused, when nothing has happened since, is refused for the same reasons. Returns whether it
    /// is.
    fn is_refused_again(&mut self, pod: PodIndex) -> bool {
        let (version, refused) = &self.refused;
        let is_same = *version == self.state.version()
            && self.state.nominated().is_empty()
            && self.state.pod(pod).claims.is_empty()
            && !self.preemptions.contains_key(&pod);
        let Some(refused) = refused.get(&self.state.pod(pod).class).filter(|_| is_same) else {
            return false;
        };
        self.run.search.random.skip(&refused.dice.0, &refused.dice.1);
        let diagnosis = Some(refused.diagnosis.clone());
        self.wait(pod, diagnosis, false);
        true
    }

    /// A pod that is sure to be refused once more waits on, see [`put_off`]. Returns whether it is.
    fn puts_off(&mut self, cycle: &Cycle<'m>) -> bool {
        if !self.may_put_off || self.preemptions.contains_key(&cycle.pod) {
            return false;
        }
        let Some(plugin) = put_off::sure_refusal(self.state, cycle) else {
            return false;
        };
        // The dice that the attempt and, unless the pod has none, its preemption begin with.
        self.run.search.random.roll();
        if !cycle.shape.never_preempts {
            self.run.search.random.roll();
        }
        let diagnosis = put_off::placeholder(self.state, plugin);
        self.wait(cycle.pod, Some(diagnosis), true);
        true
    }

    /// The victims go; pods of lower priority no longer wait for room there; the pod is tried again.
    fn make_room(&mut self, pod: PodIndex, candidate: preemption::Candidate, diagnosis: Diagnosis) {
        let priority = |state: &State, pod: PodIndex| state.model.class(state.pod(pod).class).key.priority;
        let own = priority(self.state, pod);
        let nominated = self.state.nominated().to_vec();
        for (other, node) in nominated {
            if node == candidate.node && priority(self.state, other) < own {
                self.state.withdraw(other);
            }
        }
        self.state.nominate(pod, candidate.node);
        let left = self.run.search.random.below(self.run.grace + 1);
        self.going.push_back(Going { pod, diagnosis, victims: candidate.victims, left });
    }

    /// Takes victims away whose time has come, or the first in line if nothing else is left to do. Returns whether any
    /// was taken away.
    fn let_go(&mut self, idle: bool) -> bool {
        if self.run.piecemeal {
            return self.let_some_go(idle);
        }
        let mut done = false;
        while self.going.front().is_some_and(|going| going.left == 0 || (idle && !done)) {
            if let Some(mut going) = self.going.pop_front() {
                let victims = std::mem::take(&mut going.victims);
                self.end_preemption(going, victims);
                done = true;
            }
        }
        for going in &mut self.going {
            going.left = going.left.saturating_sub(1);
        }
        done
    }

    /// The same one by one: the scheduler deletes the victims of each preemption in the background. Half of the time
    /// another one follows.
    fn let_some_go(&mut self, idle: bool) -> bool {
        let mut done = false;
        while !self.going.is_empty() && ((idle && !done) || self.run.search.random.below(2) == 1) {
            let which = self.run.search.random.below(self.going.len());
            let left = self.going[which].victims.len();
            if left > 1 {
                let next = self.run.search.random.below(left);
                let victim = self.going[which].victims.swap_remove(next);
                self.take_away(vec![victim]);
            } else if let Some(mut going) = self.going.remove(which) {
                let victims = std::mem::take(&mut going.victims);
                self.end_preemption(going, victims);
            }
            done = true;
        }
        done
    }

    /// The last victims of a preemption go, and the pod is tried again.
    fn end_preemption(&mut self, going: Going, victims: Vec<PodIndex>) {
        let (pod, diagnosis) = (going.pod, going.diagnosis);
        if self.run.late_preemptors {
            self.park(pod, Some(diagnosis));
        } else {
            // It comes back behind a back-off, as one of the pods that wait then.
            self.enqueue(pod);
        }
        self.take_away(victims);
    }

    fn take_away(&mut self, mut victims: Vec<PodIndex>) {
        victims.retain(|&pod| self.state.exists(pod));
        for &victim in &victims {
            self.state.remove(victim);
        }
        self.preempted.extend(&victims);
        self.removals += 1;
        if self.run.wakes_at_once {
            self.wake();
        }
        if self.run.slow_controllers {
            self.unanswered.extend(victims);
        } else {
            for victim in victims {
                self.answer(victim);
            }
        }
    }

    /// Lets slow controllers answer. Returns whether there was anything to answer.
    fn answer_all(&mut self) -> bool {
        let mut pods = std::mem::take(&mut self.unanswered);
        for &pod in &pods {
            self.controllers.deleted(self.state, pod);
        }
        let mut sets = Vec::new();
        if !self.state.model.quotas.is_empty() && !self.run.in_order {
            // Who comes first gets what quotas allow, whatever kind of controller it is.
            self.run.search.random.shuffle(&mut pods);
            for &pod in &pods {
                self.replace(pod);
            }
        } else {
            for &pod in &pods {
                match self.controllers.lost(self.state, pod) {
                    Answer::Created(pod) => self.enqueue(pod),
                    Answer::Set(workload) => sets.push(workload),
                    Answer::Nothing => {}
                }
            }
        }
        sets.sort_unstable();
        sets.dedup();
        for workload in sets {
            self.sync(workload);
        }
        self.try_denied();
        !pods.is_empty()
    }

    fn park(&mut self, pod: PodIndex, diagnosis: Option<Diagnosis>) {
        let diagnosis = diagnosis.map(|diagnosis| Rc::new(Diagnosis { resolvable: Vec::new(), ..diagnosis }));
        self.wait(pod, diagnosis, false);
    }

    /// A pod waits from now on.
    fn wait(&mut self, pod: PodIndex, diagnosis: Option<Rc<Diagnosis>>, is_put_off: bool) {
        let (additions, removals) = (self.additions, self.removals);
        self.waiting.push(Waiting { pod, diagnosis, is_put_off, additions, removals });
    }

    /// All pods without a node that the scheduler is to place from here on: those in the queue, and those that
    /// StatefulSets create later. The latter are created for the asking, so the way cannot be gone on from here.
    pub fn displaced(&mut self) -> Vec<PodIndex> {
        let mut pods: Vec<PodIndex> = std::iter::from_fn(|| self.queue.pop()).map(|(pod, _)| pod).collect();
        pods.retain(|&pod| self.state.exists(pod));
        pods.extend(self.controllers.create_all(self.state, &mut self.run.search.random));
        pods.sort_unstable();
        pods
    }

    /// The pods that wait at the end.
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// How many pods wait per workload.
    pub fn waiting_by_workload(&self) -> HashMap<WorkloadId, u32> {
        let mut counts = HashMap::new();
        for waiting in &self.waiting {
            *counts.entry(self.state.pod(waiting.pod).workload).or_insert(0) += 1;
        }
        counts
    }
}
