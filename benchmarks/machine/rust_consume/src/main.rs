//! Takes N messages of a topic by the librdkafka of the Python wheel, and parses seven fields of each.
//! rust_consume BROKER TOPIC COUNT [parse]: prints microseconds of CPU a message, and messages a second.
use std::ffi::{c_char, c_int, c_void, CString};
use std::time::Instant;

#[derive(serde::Deserialize)]
#[allow(dead_code)]
struct Trade<'a> { ts_event: &'a str, publisher_id: u16, side: &'a str, price: f64, size: u32, sequence: u32, symbol: &'a str }

#[repr(C)]
struct Message { err: c_int, rkt: *mut c_void, partition: i32, payload: *mut c_void, len: usize, key: *mut c_void, key_len: usize, offset: i64, private: *mut c_void }

extern "C" {
    fn rd_kafka_conf_new() -> *mut c_void;
    fn rd_kafka_conf_set(c: *mut c_void, n: *const c_char, v: *const c_char, e: *mut c_char, l: usize) -> c_int;
    fn rd_kafka_new(t: c_int, c: *mut c_void, e: *mut c_char, l: usize) -> *mut c_void;
    fn rd_kafka_poll_set_consumer(k: *mut c_void) -> c_int;
    fn rd_kafka_topic_partition_list_new(n: c_int) -> *mut c_void;
    fn rd_kafka_topic_partition_list_add(l: *mut c_void, t: *const c_char, p: i32) -> *mut c_void;
    fn rd_kafka_subscribe(k: *mut c_void, l: *const c_void) -> c_int;
    fn rd_kafka_queue_get_consumer(k: *mut c_void) -> *mut c_void;
    fn rd_kafka_consume_batch_queue(q: *mut c_void, ms: c_int, m: *mut *mut Message, n: usize) -> isize;
    fn rd_kafka_message_destroy(m: *mut Message);
    fn clock() -> i64;
}

fn main() {
    let a: Vec<String> = std::env::args().collect();
    let (count, parse) = (a[3].parse::<usize>().unwrap(), a.len() > 4);
    unsafe {
        let conf = rd_kafka_conf_new();
        let group = format!("rust-{}", std::process::id());
        for (n, v) in [("bootstrap.servers", a[1].as_str()), ("group.id", &group), ("auto.offset.reset", "earliest"), ("enable.auto.commit", "false"), ("queued.min.messages", "200000"), ("fetch.message.max.bytes", "4194304")] {
            let (n, v) = (CString::new(n).unwrap(), CString::new(v).unwrap());
            rd_kafka_conf_set(conf, n.as_ptr(), v.as_ptr(), std::ptr::null_mut(), 0);
        }
        let k = rd_kafka_new(1, conf, std::ptr::null_mut(), 0);
        rd_kafka_poll_set_consumer(k);
        let list = rd_kafka_topic_partition_list_new(1);
        let topic = CString::new(a[2].as_str()).unwrap();
        rd_kafka_topic_partition_list_add(list, topic.as_ptr(), -1);
        rd_kafka_subscribe(k, list);
        let queue = rd_kafka_queue_get_consumer(k);
        let mut got = vec![std::ptr::null_mut::<Message>(); 1000];
        let (mut seen, mut shares, mut start) = (0usize, 0u64, None);
        while seen < count {
            let n = rd_kafka_consume_batch_queue(queue, 1000, got.as_mut_ptr(), got.len());
            for &m in &got[..n.max(0) as usize] {
                if (*m).err == 0 {
                    start.get_or_insert_with(|| (Instant::now(), clock()));
                    seen += 1;
                    if parse {
                        let text = std::slice::from_raw_parts((*m).payload as *const u8, (*m).len);
                        shares += serde_json::from_slice::<Trade>(text).unwrap().size as u64;
                    }
                }
                rd_kafka_message_destroy(m);
            }
        }
        let (wall, cpu) = start.unwrap();
        println!("{{\"cpu_us\": {:.3}, \"per_s\": {:.0}, \"shares\": {}}}", (clock() - cpu) as f64 / seen as f64, seen as f64 / wall.elapsed().as_secs_f64(), shares);
        std::process::exit(0);
    }
}
