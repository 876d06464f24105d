//! The bulkhead beside a slow reference that is obviously right, with callers at random.

use std::sync::Arc;

use super::tests::Bell;
use super::*;
use crate::testing::{SplitMix, Then};

/// The reference: everybody in one list, in order of arrival. The first `places` of those who have not left are in.
#[derive(Default)]
struct Reference {
    present: Vec<usize>,
}

impl Reference {
    fn arrive(&mut self, bulkhead: &Bulkhead, id: usize, may_wait: bool) -> bool {
        let room = bulkhead.places as usize + if may_wait { bulkhead.line as usize } else { 0 };
        let let_in = self.present.len() < room;
        if let_in {
            self.present.push(id);
        }
        let_in
    }

    fn leave(&mut self, id: usize) {
        self.present.retain(|present| *present != id);
    }

    fn is_in(&self, bulkhead: &Bulkhead, id: usize) -> bool {
        self.present.iter().take(bulkhead.places as usize).any(|present| *present == id)
    }
}

// case 15, case 26
#[test]
fn it_does_what_a_plain_list_of_callers_does() {
    for seed in 0..10_000 {
        let mut random = SplitMix::new(seed);
        let mut upto = |bound: u64| random.next() % bound;
        let bulkhead = Bulkhead::concurrent(1 + upto(3) as u32).waiting(upto(5) as u32);
        let memory = Bulkhead::NEW;
        let mut reference = Reference::default();
        let mut waiting = Vec::new();
        let mut inside = Vec::new();
        for id in 0..40 {
            match upto(6) {
                0 | 1 => {
                    let bell = Arc::new(Bell::default());
                    let mut future = Box::pin(bulkhead.turn(&memory));
                    let let_in = reference.arrive(&bulkhead, id, true);
                    match future.as_mut().poll(&mut Context::from_waker(&Waker::from(bell.clone()))) {
                        Poll::Ready(Ok(permit)) => {
                            assert!(let_in && reference.is_in(&bulkhead, id), "seed {seed}");
                            inside.push((id, permit));
                        }
                        Poll::Ready(Err(_)) => assert!(!let_in, "seed {seed}"),
                        Poll::Pending => {
                            assert!(let_in && !reference.is_in(&bulkhead, id), "seed {seed}");
                            waiting.push((id, bell, future));
                        }
                    }
                }
                2 => {
                    let let_in = reference.arrive(&bulkhead, id, false);
                    let permit = bulkhead.admit(&memory, &Then(0));
                    assert_eq!(permit.is_ok(), let_in, "seed {seed}");
                    inside.extend(permit.ok().map(|permit| (id, permit)));
                }
                3 if !inside.is_empty() => {
                    let (id, permit) = inside.swap_remove(upto(inside.len() as u64) as usize);
                    reference.leave(id);
                    if upto(2) == 0 {
                        drop(permit)
                    } else {
                        assert!(permit.settle(Outcome::Success, &Then(0)).is_none())
                    }
                }
                4 if !waiting.is_empty() => {
                    let (id, _, future) = waiting.swap_remove(upto(waiting.len() as u64) as usize);
                    reference.leave(id);
                    drop(future);
                }
                5 if !waiting.is_empty() => {
                    let index = upto(waiting.len() as u64) as usize;
                    let (id, bell, future) = &mut waiting[index];
                    let turn = reference.is_in(&bulkhead, *id);
                    match future.as_mut().poll(&mut Context::from_waker(&Waker::from(bell.clone()))) {
                        Poll::Ready(permit) => {
                            assert!(turn, "seed {seed}");
                            inside.push((*id, permit.expect("who waits is not rejected")));
                            drop(waiting.swap_remove(index));
                        }
                        Poll::Pending => assert!(!turn, "seed {seed}: a turn was lost"),
                    }
                }
                _ => {}
            }
            assert!(inside.len() <= bulkhead.places as usize, "seed {seed}");
            for (id, bell, _) in &waiting {
                assert_eq!(bell.rings(), u32::from(reference.is_in(&bulkhead, *id)), "seed {seed}: woken for its turn");
            }
        }
        drop(waiting);
        drop(inside);
        assert_eq!(memory.0.with(|state| (state.taken, state.line.len())), (0, 0), "seed {seed}");
    }
}
